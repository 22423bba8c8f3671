// `npm run bench:growth` measures how cost grows with the number and the size of groups, on Node and on Bun. It writes
// docs/growth-groups.svg and docs/growth-sessions.svg. `-- --largest N` limits the number of groups.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { main, must, root } from '../scripts/process.mjs'
import { RUNTIMES } from '../scripts/runtimes.mjs'
import { setUp } from '../scripts/setup.mjs'
import { chart } from './chart.mjs'
import { makeStore } from './groups.mjs'

const SESSIONS = 10
const GROUPS = 100
const option = process.argv.indexOf('--largest')
const largest = option < 0 ? 100_000 : Number(process.argv[option + 1])

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main(async () => {
    await setUp()
    const byGroups = [1_000, 10_000, 100_000]
      .filter((groups) => groups <= largest)
      .map((groups) => ({ at: groups, groups, sessions: SESSIONS }))
    const bySessions = [10, 100, 1_000].map((sessions) => ({ at: sessions, groups: GROUPS, sessions }))
    await draw('growth-groups', `groups of ${SESSIONS} sessions`, byGroups)
    await draw('growth-sessions', `sessions in each of ${GROUPS} groups`, bySessions)
  })

/** Measures each store on both runtimes, prints the table and draws the chart. */
async function draw(name, axis, stores) {
  const series = new Map()
  for (const { at, groups, sessions } of stores) {
    const directory = makeDirectory()
    try {
      const bytes = makeStore(path.join(directory, 'groups'), groups, sessions)
      for (const runtime of RUNTIMES) {
        const { memory, ...times } = await measure(runtime.program, path.join(directory, 'groups'))
        console.log(
          `${runtime.name}, ${groups} groups of ${sessions} sessions, ${Math.round(bytes / 2 ** 20)} MiB: ` +
            `${Object.entries(times)
              .map(([what, ms]) => `${what} ${ms.toPrecision(3)} ms`)
              .join(', ')}; ${memory} MiB of memory after the newest 20`,
        )
        for (const [what, milliseconds] of Object.entries(times)) {
          const line = `${what}, ${runtime.name}`
          series.set(line, [...(series.get(line) ?? []), [at, milliseconds]])
        }
      }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  const svg = chart(axis, 'milliseconds', series)
  writeFileSync(path.join(root, 'docs', `${name}.svg`), svg)
}

/** Measures in a separate process, so that its memory can be attributed to the store. */
async function measure(program, base) {
  return JSON.parse(
    await must('Measuring', program, [path.join(root, 'benches', 'growth-measure.mjs'), base]),
  )
}

function makeDirectory() {
  const parent = path.join(root, 'target', 'bench')
  mkdirSync(parent, { recursive: true })
  return mkdtempSync(path.join(parent, 'growth-'))
}
