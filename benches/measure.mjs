// `measure.mjs PLAIN DIRECTORY ROUNDS [TEXT]` measures the rows on the current runtime and prints a line of JSON for each.
// PLAIN is the compiled plain repository, and DIRECTORY is empty. TEXT selects the rows whose names contain it.

import { writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { eventLoop } from './event-loop.mjs'
import { rows } from './rows.mjs'

const [plain, directory, rounds, only = ''] = process.argv.slice(2)
const { PlainRepository } = await import(pathToFileURL(plain))

for (const row of await rows(PlainRepository, directory)) {
  if (row.name.includes(only)) print(await measure(row))
}
if ('event loop'.includes(only)) print(await eventLoop(directory))

/** Measures in turns, so that noise affects all ways alike. The first round is a warm-up and does not count. */
async function measure({ name, goals, most, ...ways }) {
  const times = { plain: [], ours: [], floor: [] }
  for (let round = 0; round <= Number(rounds); round += 1) {
    for (const [way, taken] of Object.entries(times)) {
      if (!ways[way]) continue
      const milliseconds = await ways[way]()
      if (round > 0) taken.push(milliseconds)
    }
  }
  return {
    name,
    goals,
    most,
    plain: median(times.plain),
    ours: median(times.ours),
    floor: median(times.floor),
  }
}

function median(times) {
  return times.toSorted((left, right) => left - right)[Math.floor(times.length / 2)]
}

/** Prints synchronously, so that no result is lost if a later row ends the process. */
function print(result) {
  writeSync(1, `${JSON.stringify(result)}\n`)
}
