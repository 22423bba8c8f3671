// Two processes update one group at the same time, and no acknowledged update is lost.
//
//   node examples/two-processes.mjs [DIRECTORY]

import { fork } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { DEFAULT_GROUP_CONFIG, FileGroupRepository } from 'session-groups'

const UPDATES = 50
const id = '20260115-103000-counting'
const [dir = mkdtempSync(path.join(tmpdir(), 'session-groups-'))] = process.argv.slice(2)

if (process.send) await count()
else await compare()

/** Increments a number in the group, each time on its newest state. */
async function count() {
  const repository = new FileGroupRepository(dir, { durability: 'process' })
  for (let round = 0; round < UPDATES; round += 1) {
    await repository.update(id, (group) => ({ count: (group.count ?? 0) + 1 }))
  }
  process.disconnect()
}

async function compare() {
  const now = new Date().toISOString()
  const repository = new FileGroupRepository(dir)
  await repository.save({
    id,
    name: 'Counting',
    slug: 'counting',
    status: 'running',
    sessions: [],
    config: DEFAULT_GROUP_CONFIG,
    createdAt: now,
    updatedAt: now,
  })
  const writer = () =>
    new Promise((resolve) => fork(fileURLToPath(import.meta.url), [dir]).once('exit', resolve))
  await Promise.all([writer(), writer()])
  const group = await repository.findById(id)
  console.log(`2 processes added ${UPDATES} times each: ${group.count}`)
  console.log(`The group is in ${path.join(dir, id, 'meta.json')}`)
}
