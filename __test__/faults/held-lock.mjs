// Another process holds the locks of many groups for seconds: in a process of Node and one of Bun everything else goes on,
// though more updates wait than there are threads, and they are done once the locks are free.

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { run } from '../../scripts/process.mjs'
import { RUNTIMES } from '../../scripts/runtimes.mjs'
import { createGroup, FileGroupRepository, ID, withDir } from './store.mjs'

const FILE = fileURLToPath(import.meta.url)
/** Groups whose locks are held. A few of them may share one. */
const HELD = Array.from({ length: 60 }, (_, index) => `held-${index}`)

export function testHeldLock({ seconds }) {
  return withDir(async (base) => {
    const repository = new FileGroupRepository(base)
    for (const id of [ID, ...HELD]) await repository.save({ ...createGroup('old'), id })
    const failures = []
    for (const { name, program } of RUNTIMES) {
      const { ok, output } = await run(program, [FILE, base, String(seconds)])
      if (!ok) failures.push(`${name}: ${output}`)
    }
    return { passed: RUNTIMES.length - failures.length, failures }
  })
}

/** Another process that holds locks until it is killed. */
async function hold(files) {
  const script = 'for file in "$@"; do exec {lock}<>"$file"; flock $lock; done; echo held; exec sleep 600'
  const child = spawn('bash', ['-c', script, 'hold', ...files])
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return { free: () => child.kill('SIGKILL') }
}

/** The locks of all groups but the one: what keeps its updates waiting is its own. */
async function otherLocks(base) {
  const dir = path.join(base, '.locks')
  const files = readdirSync(dir).map((name) => path.join(dir, name))
  for (const file of files) {
    const holder = await hold([file])
    const update = new FileGroupRepository(base, { lockTimeoutMs: 0 }).update(ID, { tried: file })
    const isIts = await update.then(
      () => false,
      ({ code }) => code === 'LOCK_TIMEOUT',
    )
    holder.free()
    if (isIts) return files.filter((other) => other !== file)
  }
  throw new Error('no lock keeps the group from being written')
}

async function workWhileHeld(base, seconds) {
  const repository = new FileGroupRepository(base, { lockTimeoutMs: 60_000 })
  const holder = await hold(await otherLocks(base))
  let isFree = false
  let early = 0
  const waiting = HELD.map(async (id) => {
    await repository.updateSession(id, 'a', { cost: 1 })
    if (!isFree) early += 1
  })
  const until = performance.now() + seconds * 1000
  let rounds = 0
  while (performance.now() < until) {
    await repository.findById(HELD[0])
    await repository.list({ limit: 3 })
    await repository.count()
    await repository.updateSession(ID, 'a', { cost: rounds })
    rounds += 1
    await pause(1)
  }
  isFree = true
  holder.free()
  await Promise.all(waiting)
  // Groups that share their lock with the one that was free need not wait.
  if (early > HELD.length / 4) throw new Error(`${early} updates did not wait for their locks`)
  if (rounds < 10 * seconds) throw new Error(`only ${rounds} rounds of other work were done meanwhile`)
}

if (process.argv[1] === FILE) {
  const [base, seconds] = process.argv.slice(2)
  await workWhileHeld(base, Number(seconds))
}
