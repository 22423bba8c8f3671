// `measure.mjs PLAIN DIRECTORY ROUNDS [TEXT] [--without-sqlite]` measures the rows on the current runtime and prints lines of
// JSON: the version of SQLite, then each row. PLAIN is the compiled plain repository, and DIRECTORY is empty. TEXT selects
// the rows whose names contain it.

import { writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { eventLoop } from './event-loop.mjs'
import { rows } from './rows.mjs'
import { sqlitePackage } from './sqlite-package.mjs'
import { makeStores } from './stores.mjs'
import { median } from './timing.mjs'

const WAYS = ['plain', 'ours', 'sqlite', 'floor']

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { 'without-sqlite': { type: 'boolean' } },
})
const [plain, directory, rounds, only = ''] = positionals
const withSqlite = !values['without-sqlite']
const stores = await makeStores(directory, plain, withSqlite)

print({ sqlite: withSqlite ? `SQLite ${stores.sqlite.version()} in ${sqlitePackage()}` : undefined })
for (const row of rows(stores)) {
  if (row.name.includes(only)) print(await measure(row))
}
const BLOCK = 'longest block of the event loop, 10,000 groups: list() / `JSON.parse` of it / count()'
if (BLOCK.includes(only)) print({ name: BLOCK, ways: [], ...(await eventLoop(directory)) })

/**
 * Measures in turns, so that noise affects all ways alike; neither tinybench nor mitata can do that, they finish one task
 * before they begin the next. The first round is a warm-up and does not count.
 */
async function measure({ name, goals, most, latency, skipped, check, ...row }) {
  const ways = WAYS.filter((way) => row[way])
  const result = { name, goals, most, latency, skipped, ways, times: {} }
  if (skipped) return result
  await check?.()
  const measured = ways.filter((way) => way !== 'sqlite' || withSqlite)
  const times = Object.fromEntries(measured.map((way) => [way, []]))
  for (let round = 0; round <= (row.rounds ?? Number(rounds)); round += 1) {
    // Each way follows each other one: the garbage that one leaves is often collected during the next.
    const first = round % measured.length
    for (const way of [...measured.slice(first), ...measured.slice(0, first)]) {
      const taken = await row[way]()
      if (round > 0) times[way].push(taken)
    }
  }
  for (const way of measured) {
    result.times[way] = median(times[way].flat())
    if (latency) result.longest = { ...result.longest, [way]: Math.max(...times[way].flat()) }
  }
  return result
}

/** Prints synchronously, so that no result is lost if a later row ends the process. */
function print(result) {
  writeSync(1, `${JSON.stringify(result)}\n`)
}
