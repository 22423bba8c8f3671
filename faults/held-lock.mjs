// Another process holds the lock of a group for seconds: in a process of Node and one of Bun everything else goes on, more
// updates wait than there are threads, and they are done when the lock is free.

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { run } from '../scripts/process.mjs'
import { RUNTIMES } from './runtimes.mjs'
import { createGroup, FileGroupRepository, ID, withDir } from './store.mjs'

const FILE = fileURLToPath(import.meta.url)
const WAITING = 40
/** Groups that share no lock with the one that is held. */
const OTHERS = Array.from({ length: 20 }, (_, index) => `other-${index}`)

export function testHeldLock({ seconds }) {
  return withDir(async (base) => {
    const repository = new FileGroupRepository(base)
    await repository.save(createGroup('old'))
    for (const id of OTHERS) await repository.save({ ...createGroup('old'), id })
    const failures = []
    for (const { name, program } of RUNTIMES) {
      const { ok, output } = await run(program, [FILE, base, String(seconds)])
      if (!ok) failures.push(`${name}: ${output}`)
    }
    return { passed: RUNTIMES.length - failures.length, failures }
  })
}

/** The lock file of the group: the one whose holder its writers wait for. */
async function lockOf(base) {
  for (const name of readdirSync(path.join(base, '.locks'))) {
    const file = path.join(base, '.locks', name)
    const holder = await hold(file)
    const waited = await new FileGroupRepository(base, { lockTimeoutMs: 0 }).update(ID, { tried: name }).then(
      () => false,
      ({ code }) => code === 'LOCK_TIMEOUT',
    )
    holder.kill()
    if (waited) return file
  }
  throw new Error('no lock keeps the group from being written')
}

/** Another process that holds a lock until it is killed. */
async function hold(file) {
  const child = spawn('flock', [file, '-c', 'echo held; exec sleep 600'], { detached: true })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return { kill: () => process.kill(-child.pid, 'SIGKILL') }
}

async function workWhileHeld(base, seconds) {
  const repository = new FileGroupRepository(base, { lockTimeoutMs: 60_000 })
  const file = await lockOf(base)
  const holder = await hold(file)
  const until = performance.now() + seconds * 1000
  let free = false
  const waiting = Array.from({ length: WAITING }, (_, index) =>
    repository.updateSession(ID, 'a', { cost: index }).then(() => {
      if (!free) throw new Error('an update did not wait for the lock')
    }),
  )
  let done = 0
  while (performance.now() < until) {
    await repository.findById(ID)
    await repository.list({ limit: 3 })
    await repository.count()
    await update(base, OTHERS[done % OTHERS.length])
    done += 1
    await pause(1)
  }
  if (done < 10 * seconds) throw new Error(`only ${done} rounds of other work were done meanwhile`)
  free = true
  holder.kill()
  await Promise.all(waiting)
}

/** Updates another group, unless it happens to share the lock. */
async function update(base, id) {
  const repository = new FileGroupRepository(base, { lockTimeoutMs: 100 })
  await repository.update(id, { touched: true }).catch((error) => {
    if (error.code !== 'LOCK_TIMEOUT') throw error
  })
}

if (process.argv[1] === FILE) {
  const [base, seconds] = process.argv.slice(2)
  await workWhileHeld(base, Number(seconds))
}
