// Several processes that write to one store at the same time. Starting them is not measured.

import { timed } from '../timing.mjs'
import { startWriter } from '../writers.mjs'

const PROCESSES = 8
const UPDATES = 200

export function processRows({ base, sqliteFile }) {
  let writes = 0
  const row = (name, groupOf) => {
    const way = (way, store) => () =>
      allAtOnce((number) => ({ way, store, groupOf: [groupOf(number)], costs: nextCosts() }))
    return {
      name: `${PROCESSES} processes, ${UPDATES} durable updates each, ${name}`,
      rounds: 3,
      ours: way('ours', base),
      sqlite: way('sqlite', sqliteFile),
    }
  }
  return [row('each of a group of its own', (number) => number), row('all of one group', () => 0)]

  function nextCosts() {
    return Array.from({ length: UPDATES }, () => ++writes / 100)
  }
}

/** Returns the time from the start of all writers to the end of the last. */
async function allAtOnce(plan) {
  const begin = await Promise.all(Array.from({ length: PROCESSES }, (_, number) => startWriter(plan(number))))
  return timed(() => Promise.all(begin.map((begin) => begin())))
}
