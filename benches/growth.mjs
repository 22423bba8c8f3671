// `npm run bench:growth` measures how cost grows with the number and the size of groups, on Node and on Bun. `-- --largest N`
// limits the number of groups, and `--write` saves growth.md, growth-groups.svg and growth-sessions.svg in docs, or in the
// directory of `--to`.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { main, must, root } from '../scripts/process.mjs'
import { RUNTIMES } from '../scripts/runtimes.mjs'
import { setUp } from '../scripts/setup.mjs'
import { chart } from './chart.mjs'
import { makeStore } from './groups.mjs'
import { growthPage, growthTable } from './growth-page.mjs'
import { machine } from './machine.mjs'
import { installSqlite } from './sqlite-package.mjs'

const BY_GROUPS = [1_000, 10_000, 40_000, 100_000].map((groups) => ({ groups, sessions: 10 }))
const BY_SESSIONS = [10, 100, 1_000].map((sessions) => ({ groups: 100, sessions }))

const { values: options } = parseArgs({
  options: {
    largest: { type: 'string', default: '100000' },
    write: { type: 'boolean', default: false },
    to: { type: 'string', default: path.join(root, 'docs') },
  },
})

await main(async () => {
  await setUp()
  const missing = await installSqlite()
  const withSqlite = ({ name }) => !(missing && name === 'Node')
  const byGroups = await measureAll(
    BY_GROUPS.filter(({ groups }) => groups <= Number(options.largest)),
    withSqlite,
  )
  const bySessions = await measureAll(BY_SESSIONS, withSqlite)
  const notes = missing ? [`SQLite on Node was skipped: ${missing}.`] : []
  if (!options.write)
    return console.log([...notes, growthTable(byGroups), growthTable(bySessions)].join('\n\n'))
  mkdirSync(options.to, { recursive: true })
  const write = (name, text) => writeFileSync(path.join(options.to, name), text)
  write('growth-groups.svg', drawing('groups of 10 sessions', 'groups', byGroups))
  write('growth-sessions.svg', drawing('sessions in each of 100 groups', 'sessions', bySessions))
  write('growth.md', growthPage(machine(), byGroups, bySessions, notes))
})

async function measureAll(stores, withSqlite) {
  const measured = []
  for (const store of stores) {
    console.error(`Measuring ${store.groups} groups of ${store.sessions} sessions ...`)
    measured.push({ ...store, ...(await measureStore(store, withSqlite)) })
  }
  return measured
}

/** Measures a store on both runtimes and removes it. */
async function measureStore({ groups, sessions }, withSqlite) {
  const directory = makeDirectory()
  const base = path.join(directory, 'groups')
  const file = path.join(directory, 'groups.db')
  try {
    const bytes = makeStore(base, groups, sessions)
    const script = path.join(root, 'benches', 'growth-sqlite.mjs')
    // Bun has SQLite built in.
    await must('Making the database', RUNTIMES[1].program, [script, file, String(groups), String(sessions)])
    const runtimes = []
    for (const runtime of RUNTIMES) {
      const ours = await measure(runtime.program, 'ours', base)
      const sqlite = withSqlite(runtime) ? await measure(runtime.program, 'sqlite', file) : undefined
      runtimes.push({ name: runtime.name, ours, sqlite })
    }
    return { bytes, runtimes }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Measures in a separate process, so that its memory can be attributed to the store. */
async function measure(program, way, store) {
  const script = path.join(root, 'benches', 'growth-measure.mjs')
  return JSON.parse(await must('Measuring', program, [script, way, store]))
}

/** Draws a line for each measurement and runtime. `key` names the number on the horizontal axis. */
function drawing(axis, key, stores) {
  const series = new Map()
  for (const store of stores) {
    for (const { name, ours, sqlite } of store.runtimes) {
      const { memory, ...times } = ours
      if (sqlite) times['SQLite: newest 20, again'] = sqlite['newest 20, again']
      for (const [what, milliseconds] of Object.entries(times)) {
        const line = `${what}, ${name}`
        series.set(line, [...(series.get(line) ?? []), [store[key], milliseconds]])
      }
    }
  }
  return chart(axis, 'milliseconds', series)
}

function makeDirectory() {
  const parent = path.join(root, 'target', 'bench')
  mkdirSync(parent, { recursive: true })
  return mkdtempSync(path.join(parent, 'growth-'))
}
