// `npm run bench` compares the package with plain TypeScript, on Node and on Bun. `-- --only TEXT` selects the rows whose
// names contain TEXT, `--rounds N` sets the number of rounds, and `--write` saves the result as docs/benchmark.md.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { main, must, root, Stop } from '../scripts/process.mjs'
import { RUNTIMES } from '../scripts/runtimes.mjs'
import { setUp } from '../scripts/setup.mjs'

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}

await main(async () => {
  await setUp()
  const plain = await compilePlain()
  const results = []
  for (const { name, program } of RUNTIMES) {
    console.log(`Measuring on ${name}; this takes a minute or two ...`)
    results.push(await measure(program, plain))
  }
  const report = `${machine()}\n\n${table(results)}`
  console.log(`\n${report}`)
  if (process.argv.includes('--write')) writeFileSync(path.join(root, 'docs', 'benchmark.md'), page(report))
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

/** Measures in a separate process, with a store that is removed afterwards. */
async function measure(program, plain) {
  const parent = path.join(root, 'target', 'bench')
  mkdirSync(parent, { recursive: true })
  const directory = mkdtempSync(path.join(parent, 'store-'))
  try {
    const args = [path.join(root, 'benches', 'measure.mjs'), plain, directory]
    const output = await must(`The benchmark on ${program}`, program, [
      ...args,
      option('rounds', '11'),
      option('only', ''),
    ])
    return output
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function machine() {
  const { version } = JSON.parse(readFileSync(path.join(root, 'node_modules', 'bun', 'package.json'), 'utf8'))
  const [cpu] = os.cpus()
  return `${os.type()} ${os.release()}, ${os.cpus().length} × ${cpu.model}, Node ${process.versions.node}, Bun ${version}. Medians.`
}

function table(results) {
  if (results.some((rows) => rows.length === 0))
    throw new Stop(`No row has a name that contains "${option('only', '')}"`)
  const lines = results[0].map((_, row) => {
    const cells = results.map((rows, runtime) =>
      rows[row].name ? cell(rows[row], runtime) : longest(rows[row]),
    )
    return `| ${results[0][row].name ?? 'longest block of the event loop: list() / `JSON.parse` of it / count()'} | ${cells.join(' | ')} |`
  })
  const heads = RUNTIMES.map(({ name }) => `${name}: plain / package = ratio (goal), bare calls`)
  return [`| | ${heads.join(' | ')} |`, `|---|${heads.map(() => '---|').join('')}`, ...lines].join('\n')
}

function cell({ plain, ours, floor, goals, most }, runtime) {
  if (plain === undefined) return most ? `${duration(ours)} (at most ${duration(most)})` : duration(ours)
  const least = floor === undefined ? '' : `, ${duration(floor)}`
  return `${duration(plain)} / ${duration(ours)} = **${(plain / ours).toFixed(1)}×** (${goals[runtime]}×)${least}`
}

function longest({ block, parse, count }) {
  return [block, parse, count].map(duration).join(' / ')
}

function duration(milliseconds) {
  if (milliseconds < 0.1) return `${(milliseconds * 1000).toPrecision(2)} µs`
  return `${milliseconds.toPrecision(milliseconds < 100 ? 2 : 3)} ms`
}

function page(report) {
  return `# The benchmark

\`npm run bench -- --write\` measures and writes this page. The store has 1,000 groups of ten sessions, 9 KB each, in the page cache. The plain way is [benches/plain.ts](../benches/plain.ts): \`node:fs/promises\`, a queue for each group, no fsync, no checks. Both ways take turns in one process, so that noise affects both alike.

The goal for the ratio is in brackets, whether reached or not. The last number in a cell is the time of the bare calls, made by JavaScript one after the other: reading the bytes and \`JSON.parse\`, a stat of every file, writing and renaming, with an fsync if the row is durable. Work on several threads can be faster than that.

${report}
`
}
