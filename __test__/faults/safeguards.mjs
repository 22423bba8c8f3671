// The tests are tested: each safeguard of the store is removed from a copy of the repository, and a test must fail.
// `npm run test:safeguards` writes what caught each to docs/safeguards.md. `-- --only TEXT` tries those whose names contain
// TEXT, `-- --missing` those that the page does not have; the other rows of the page stay.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { main, must, root, run, Stop } from '../../scripts/process.mjs'
import { setUp } from '../../scripts/setup.mjs'
import { SAFEGUARDS } from './safeguards-list.mjs'

const copy = path.join(root, 'target', 'safeguards')
const sourcesIn = (directory) => path.join(directory, 'crates', 'core', 'src')
const page = path.join(root, 'docs', 'safeguards.md')

/** Returns all marks of safeguards in a copy of the sources: the name of each, its file and the number of its line. */
function marksIn(directory) {
  const sources = sourcesIn(directory)
  const files = ['repository', 'feed'].flatMap((room) =>
    readdirSync(path.join(sources, room), { recursive: true }).map((file) => path.join(room, file)),
  )
  return files
    .filter((file) => file.endsWith('.rs'))
    .flatMap((file) =>
      readFileSync(path.join(sources, file), 'utf8')
        .split('\n')
        .flatMap((text, line) => {
          const name = text.match(/^ *\/\/ safeguard: (.*)$/)?.[1]
          return name === undefined ? [] : [{ name, file, line }]
        }),
    )
}

/** Checks that each safeguard has exactly one mark, and each mark a safeguard. */
export async function checkList() {
  const marks = marksIn(root).map(({ name }) => name)
  const names = new Set([...SAFEGUARDS.map(({ name }) => name), ...marks])
  const failures = [...names].flatMap((name) => {
    const count = marks.filter((mark) => mark === name).length
    const isListed = SAFEGUARDS.some((safeguard) => safeguard.name === name)
    return count === 1 && isListed ? [] : [`${name}: ${count} marks, ${isListed ? '' : 'not '}in the list`]
  })
  return { passed: names.size - failures.length, failures }
}

/**
 * Copies the repository with its file times, so that nothing is installed again. The sources get new times, because the
 * last build of the copy may have lacked a safeguard.
 */
function copyRepository() {
  mkdirSync(copy, { recursive: true })
  for (const name of ['scripts', '__test__', 'docs', 'examples', 'benches', 'bin', 'lib', 'package.json'])
    cpSync(path.join(root, name), path.join(copy, name), { recursive: true, preserveTimestamps: true })
  for (const name of ['src', 'crates'])
    cpSync(path.join(root, name), path.join(copy, name), { recursive: true })
  const files = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'package-lock.json']
  const scripts = readdirSync(root).filter((name) => name.endsWith('.js'))
  for (const name of [...files, ...scripts, 'index.d.ts'])
    cpSync(path.join(root, name), path.join(copy, name), { preserveTimestamps: true })
  const modules = path.join(copy, 'node_modules')
  if (!existsSync(modules)) symlinkSync(path.join(root, 'node_modules'), modules)
}

/** Rust's tests of the store and the feed. Those of the runner take minutes. */
const RUST_TESTS = ['feed', 'file_store', 'file_watch', 'live_reads', 'messages', 'model']

const TESTS = {
  rust: () => {
    const chosen = ['--lib', ...RUST_TESTS.flatMap((name) => ['--test', name])]
    const args = [
      'test',
      '--package',
      'session-groups',
      '--no-fail-fast',
      ...chosen,
      '--',
      '--skip',
      'runner::',
    ]
    // A reader that waits forever must not keep all tests.
    return run('cargo', args, { cwd: copy, timeout: 15 * 60_000 })
  },
  suite: async (way) => {
    await buildAddon()
    const env = { ...process.env, SESSION_GROUPS_POLLING: way === 'polling' ? '1' : '' }
    const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js')
    // A thread that hangs must not keep the whole suite.
    const args = [
      '--ci',
      '--testTimeout=20000',
      '--forceExit',
      'suite/.*(store|repository|cache|update|feed)',
    ]
    return run(process.execPath, [jest, ...args], { cwd: copy, env, timeout: 10 * 60_000 })
  },
  faults: async (row) => {
    await buildAddon()
    const program = path.join(copy, '__test__', 'faults', 'run.mjs')
    return run(process.execPath, [program, '--short', '--only', row], { cwd: copy, timeout: 5 * 60_000 })
  },
}

/** Builds a debug addon, which is faster, and puts it where the loader looks for it. */
async function buildAddon() {
  await must('Building the addon', 'cargo', ['build'], { cwd: copy })
  const built = path.join(copy, 'target', 'debug', 'libsession_groups_napi.so')
  const name = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).napi.binaryName
  const { arch } = process
  cpSync(built, path.join(copy, `${name}.linux-${arch}-gnu.node`))
  // A newer loader keeps the scripts from building the addon again.
  utimesSync(path.join(copy, 'binding.js'), new Date(), new Date())
}

/** Checks that all tests pass with every safeguard in place; otherwise a failure would prove nothing. */
async function mustPass(safeguards) {
  for (const key of new Set(safeguards.map(({ caughtBy }) => JSON.stringify(caughtBy)))) {
    const [test, ...args] = JSON.parse(key)
    const { ok, output } = await TESTS[test](...args)
    if (!ok) throw new Stop(`${output}\nIt fails with nothing removed`)
  }
}

/** Removes one safeguard and checks that its test fails. */
async function remove({ name, lines: count = 1, instead, caughtBy: [test, ...args] }) {
  const { file, line } = marksIn(copy).find((mark) => mark.name === name)
  const source = path.join(sourcesIn(copy), file)
  const text = readFileSync(source, 'utf8')
  const lines = text.split('\n')
  // Two safeguards can be in one line, with a mark each.
  const isMark = (at) => /^ *\/\/ safeguard: /.test(lines[at])
  let at = line
  while (isMark(at)) at += 1
  lines.splice(at, count, instead)
  writeFileSync(source, lines.join('\n'))
  try {
    const { ok, output } = await TESTS[test](...args)
    if (/^error(\[|: could not compile)/m.test(output)) throw new Stop(`it does not compile:\n${output}`)
    return { file, caught: !ok, output }
  } finally {
    writeFileSync(source, text)
  }
}

const nameOf = ([test, row]) =>
  ({
    rust: 'Rust tests',
    suite: row ? `suite on Node, with ${row}` : 'suite on Node',
    faults: `faults: ${row}`,
  })[test]

/** Returns the rows of the page by the names of the safeguards. */
function readRows() {
  const rows = existsSync(page) ? readFileSync(page, 'utf8').matchAll(/^\| (.*?) \| `.*$/gm) : []
  return new Map(Array.from(rows, ([row, name]) => [name, row]))
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main(async () => {
    const { values: options } = parseArgs({
      options: { only: { type: 'string', default: '' }, missing: { type: 'boolean', default: false } },
    })
    await setUp()
    const { failures } = await checkList()
    if (failures.length > 0) throw new Stop(failures.join('\n'))
    rmSync(path.join(copy, 'src'), { recursive: true, force: true })
    copyRepository()
    const rows = readRows()
    const chosen = SAFEGUARDS.filter(
      ({ name }) => name.includes(options.only) && !(options.missing && rows.has(name)),
    )
    await mustPass(chosen)
    let missed = 0
    for (const safeguard of chosen) {
      const { file, caught, output } = await remove(safeguard)
      if (!caught) missed += 1
      if (!caught) console.log(output.slice(-2000))
      const row = `| ${safeguard.name} | \`${file}\` | ${caught ? nameOf(safeguard.caughtBy) : '**nothing**'} |`
      console.log(row)
      rows.set(safeguard.name, row)
      // Written each time, because all of them take hours.
      writeFileSync(page, text(SAFEGUARDS.flatMap(({ name }) => rows.get(name) ?? [])))
    }
    console.log(`${chosen.length - missed} passed, ${missed} failed`)
    if (missed > 0) process.exitCode = 1
  })

function text(rows) {
  return `# Tests of the safeguards

Each safeguard of the file store and of the feed was removed from a copy of the repository, one at a time, and a test had to fail. \`npm run test:safeguards\` repeats this (Linux, as root) and writes this page. Comments \`// safeguard: …\` mark them in the code; [safeguards-list.mjs](../__test__/faults/safeguards-list.mjs) lists what replaces them.

| removed | in \`crates/core/src/\` | caught by |
|---|---|---|
${rows.join('\n')}
`
}
