// `npm run bench` compares the package with SQLite and with plain TypeScript, on Node and on Bun. `-- --only TEXT` selects
// the rows whose names contain TEXT, `--rounds N` sets the number of rounds, and `--write` saves the result as benchmark.md in
// docs, or in the directory of `--to`.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { main, must, root, Stop } from '../scripts/process.mjs'
import { RUNTIMES } from '../scripts/runtimes.mjs'
import { setUp } from '../scripts/setup.mjs'
import { machine } from './machine.mjs'
import { page, report } from './page.mjs'
import { installSqlite } from './sqlite-package.mjs'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '11' },
    write: { type: 'boolean', default: false },
    to: { type: 'string', default: path.join(root, 'docs') },
  },
})

await main(async () => {
  await setUp()
  const plain = await compilePlain()
  const missing = await installSqlite()
  const results = []
  const versions = []
  for (const { name, program } of RUNTIMES) {
    console.log(`Measuring on ${name}; this takes a few minutes ...`)
    const withoutSqlite = name === 'Node' && missing ? ['--without-sqlite'] : []
    const [{ sqlite }, ...rows] = await measure(program, plain, withoutSqlite)
    if (rows.length === 0) throw new Stop(`No row has a name that contains "${options.only}"`)
    results.push(rows)
    versions.push(sqlite)
  }
  const notes = missing ? [`Rows of SQLite on Node were skipped: ${missing}.`] : []
  const text = report(machine(versions.filter(Boolean)), results, notes)
  console.log(`\n${text}`)
  if (!options.write) return
  mkdirSync(options.to, { recursive: true })
  writeFileSync(path.join(options.to, 'benchmark.md'), page(text))
})

/** Compiles the plain repository, because not every version of Node can run TypeScript. */
async function compilePlain() {
  const directory = path.join(root, 'target', 'bench')
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  await must('Compiling the plain repository', process.execPath, [
    tsc,
    '--project',
    path.join(root, 'benches'),
  ])
  return path.join(directory, 'plain.js')
}

/** Measures in a separate process, with stores that are removed afterwards. */
async function measure(program, plain, flags) {
  const parent = path.join(root, 'target', 'bench')
  mkdirSync(parent, { recursive: true })
  const directory = mkdtempSync(path.join(parent, 'store-'))
  try {
    const script = path.join(root, 'benches', 'measure.mjs')
    const args = [script, plain, directory, options.rounds, options.only, ...flags]
    const output = await must(`The benchmark on ${program}`, program, args)
    return output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
