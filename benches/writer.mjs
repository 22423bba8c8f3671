// `writer.mjs PLAN` updates sessions in a process of its own, one after the other, each time durably. PLAN is the JSON of the
// argument of `startWriter`. It prints "ready", waits for its standard input to end, and prints when each update was
// acknowledged.

import { writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { FileGroupRepository } from 'session-groups'
import { group, session } from './groups.mjs'
import { SqliteRepository } from './sqlite.mjs'
import { wallClock } from './timing.mjs'

const OPEN = {
  ours: (base) => new FileGroupRepository(base, { lockTimeoutMs: 60_000 }),
  sqlite: (file) => SqliteRepository.open(file, { durable: true }),
}

const { way, store, costs, groupOf, pause } = JSON.parse(process.argv[2])
const repository = await OPEN[way](store)
// The first use of a store costs more, and would be the same in a process that has run for a while.
await repository.findById(group(groupOf[0]).id)
writeSync(1, 'ready\n')
for await (const _ of process.stdin);

const acknowledged = []
for (const [index, cost] of costs.entries()) {
  if (pause) await delay(pause)
  const { id } = group(groupOf[index % groupOf.length])
  if (!(await repository.updateSession(id, session(4).id, { cost }))) throw new Error(`${id} was not found`)
  acknowledged.push(wallClock())
}
writeSync(1, `${JSON.stringify(acknowledged)}\n`)
