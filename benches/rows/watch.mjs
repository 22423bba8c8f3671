// The time from the acknowledgement of a write in another process to the call of a listener in this one. It is negative if
// the listener is called first: a change is visible before it is durable and acknowledged.

import { session } from '../groups.mjs'
import { GROUPS } from '../stores.mjs'
import { wallClock } from '../timing.mjs'
import { startWriter } from '../writers.mjs'

const WRITES = 50
const PAUSE_MS = 10
/** Interval at which the program with SQLite looks for changes. */
const POLL_MS = 50
/** Time after which a change that was not reported counts as lost. */
const LOST_MS = 10_000

export function watchRow({ base, ours, sqliteFile, sqlite }) {
  return {
    name: 'a change in another process',
    skipped: typeof ours.watch === 'function' ? undefined : 'this version of the package has no watch()',
    rounds: 5,
    latency: true,
    ours: () => latencies((seen) => watch(ours, seen), { way: 'ours', store: base }),
    sqlite: () => latencies((seen) => poll(sqlite, seen), { way: 'sqlite', store: sqliteFile }),
  }
}

/** Costs are never used twice, so that each names a write. */
let firstCost = 1_000_000

/** Returns the latency of each write in milliseconds. `listen` calls `seen` with each group that changed. */
async function latencies(listen, plan) {
  const costs = Array.from({ length: WRITES }, (_, index) => firstCost + index)
  firstCost += WRITES
  const times = new Map()
  let complete
  const all = new Promise((resolve) => (complete = resolve))
  const stop = await listen((group) => {
    const { cost } = group.sessions.find(({ id }) => id === session(4).id)
    if (costs.includes(cost) && !times.has(cost)) times.set(cost, wallClock())
    if (times.size === WRITES) complete()
  })
  const begin = await startWriter({
    ...plan,
    costs,
    groupOf: costs.map((cost) => cost % GROUPS),
    pause: PAUSE_MS,
  })
  const acknowledged = await begin()
  const timer = setTimeout(complete, LOST_MS)
  await all
  clearTimeout(timer)
  stop()
  if (times.size < WRITES) throw new Error(`${WRITES - times.size} of ${WRITES} changes were not reported`)
  return costs.map((cost, index) => times.get(cost) - acknowledged[index])
}

/** Resolves when the listener has received the current state of every group. */
async function watch(repository, seen) {
  const known = new Set()
  let complete
  const all = new Promise((resolve) => (complete = resolve))
  const watcher = repository.watch(({ id, group }) => {
    known.add(id)
    if (known.size === GROUPS) complete()
    if (group) seen(group)
  })
  watcher.ref()
  await all
  return () => watcher.close()
}

/** Looks for changes as a program with SQLite does, which has no notification. */
function poll(repository, seen) {
  let version = repository.dataVersion()
  let last = new Date().toISOString()
  const timer = setInterval(() => {
    const current = repository.dataVersion()
    if (current === version) return
    version = current
    const groups = repository.updatedSince(last)
    for (const group of groups) {
      if (group.updatedAt > last) last = group.updatedAt
      seen(group)
    }
  }, POLL_MS)
  return () => clearInterval(timer)
}
