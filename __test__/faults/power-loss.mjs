// Power fails while groups are written: after the next start everything that was acknowledged is there, and everything
// else is as it was before or after.

import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createGroup, FileGroupRepository, withDir } from './store.mjs'

const run = promisify(execFile)
const GROUPS = ['a', 'b', 'c', 'd']

export function testPowerLoss(powerOff, { fileSystem, runs }) {
  return withDir(async (dir) => {
    const image = path.join(dir, 'image')
    const mount = path.join(dir, 'mount')
    mkdirSync(mount)
    // XFS takes no less than 300 MiB; the image holds only what is written.
    execFileSync('truncate', ['-s', '320M', image])
    execFileSync(`mkfs.${fileSystem}`, fileSystem === 'xfs' ? ['-q', image] : ['-q', '-F', image])
    const failures = []
    let acknowledged = 0
    // The possible states of each group: one, or several after a write whose outcome is unknown.
    let states = new Map(GROUPS.map((id) => [id, ['absent']]))
    for (let number = 0; number < runs; number++) {
      await run('mount', ['-o', 'loop', image, mount])
      try {
        const base = path.join(mount, 'store')
        const found = await readAll(base)
        for (const [id, state] of found) {
          if (!states.get(id).includes(state))
            failures.push(`run ${number}: ${id} is ${state}, not ${states.get(id).join(' or ')}`)
        }
        const writers = GROUPS.map((id) => write(base, id, found.get(id), number))
        await pause(Math.random() * 15)
        await run(powerOff, [mount])
        const outcomes = await Promise.all(writers)
        states = new Map(outcomes.map(({ id, possible }) => [id, possible]))
        acknowledged += outcomes.reduce((sum, outcome) => sum + outcome.acknowledged, 0)
      } finally {
        await unmount(mount)
      }
    }
    if (acknowledged === 0) failures.push('nothing was acknowledged before the power failed')
    return { passed: runs - failures.length, failures }
  })
}

/** Unmounts the disk. Retries, because the store may still be closing a file after the last acknowledgement. */
async function unmount(mount) {
  for (let tries = 0; ; tries++) {
    try {
      return await run('umount', [mount])
    } catch (error) {
      if (tries === 100) throw error
      await pause(10)
    }
  }
}

/** A state of a group in few words, different for every other. */
function stateOf(group) {
  if (group === null) return 'absent'
  return `${group.name} (${createHash('sha256').update(JSON.stringify(group)).digest('hex').slice(0, 16)})`
}

async function readAll(base) {
  const repository = new FileGroupRepository(base)
  const broken = (await repository.verify()).filter(({ kind }) => kind !== 'leftover')
  if (broken.length > 0) throw new Error(`not whole: ${JSON.stringify(broken)}`)
  const entries = GROUPS.map(async (id) => [id, stateOf(await repository.findById(id))])
  return new Map(await Promise.all(entries))
}

/** Writes a group again and again until the power is gone. */
async function write(base, id, state, number) {
  const repository = new FileGroupRepository(base)
  let possible = [state]
  let acknowledged = 0
  for (let step = 0; ; step++) {
    const group = { ...createGroup(`${number}.${step}`), id, x: 'x'.repeat(Math.random() * 20_000) }
    const deletes = possible[0] !== 'absent' && Math.random() < 0.2
    const next = stateOf(deletes ? null : group)
    try {
      await (deletes ? repository.delete(id) : repository.save(group))
      possible = [next]
      acknowledged += 1
    } catch ({ code }) {
      if (code === 'NOT_DURABLE') possible.push(next)
      else if (code !== 'NOT_COMMITTED') possible = [`what ${code} leaves`]
      return { id, possible, acknowledged }
    }
  }
}
