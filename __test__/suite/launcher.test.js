// bin/session-groups.js starts the native executable. Most tests give it a script in place of the executable.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { freshDir, posix, root } = require('./helpers')

const LAUNCHER = path.join('bin', 'session-groups.js')
const [, PLATFORM] = fs
  .readdirSync(root)
  .join('\n')
  .match(/^session-groups\.(.*)\.node$/m)
const MANIFEST = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))

/** The two ways to start the executable. Only some versions of Node and Bun have the first. */
const WAYS = [
  ...(process.execve && process.platform !== 'win32' ? [['as the same process', []]] : []),
  ['as a child', ['--require', withoutExecve()]],
]

function withoutExecve() {
  const file = path.join(freshDir(), 'without-execve.cjs')
  fs.writeFileSync(file, 'process.execve = undefined')
  return file
}

/** Copies the launcher into a folder of its own. `executable` is the body of a script in place of the executable. */
function copyOfLauncher(executable, file = path.join('bin', `session-groups.${PLATFORM}`)) {
  const folder = freshDir()
  for (const name of [LAUNCHER, path.join('lib', 'no-binary.js')]) {
    fs.mkdirSync(path.join(folder, path.dirname(name)))
    fs.copyFileSync(path.join(root, name), path.join(folder, name))
  }
  if (executable) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    fs.writeFileSync(path.join(folder, file), `#!${process.execPath}\n${executable}`, { mode: 0o755 })
  }
  return folder
}

/** Starts the launcher of a folder on the runtime that runs the tests. */
function start(folder, { args = [], before = [], env } = {}) {
  // Bun would look for the packages in its registry.
  const alone = process.versions.bun ? ['--no-install'] : []
  const child = spawn(process.execPath, [...alone, ...before, path.join(folder, LAUNCHER), ...args], {
    env: { ...process.env, ...env },
  })
  const out = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (out.stdout += chunk))
  child.stderr.on('data', (chunk) => (out.stderr += chunk))
  const ended = new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, ...out }))
  })
  /** Resolves when the output contains a text, or has ended without it. */
  const says = (text) =>
    new Promise((resolve) => {
      const look = () => out.stdout.includes(text) && resolve()
      child.stdout.on('data', look)
      child.stdout.on('end', resolve)
      look()
    })
  return { child, ended, says }
}

function run(folder, options) {
  const { child, ended } = start(folder, options)
  child.stdin.end(options?.input)
  return ended
}

describe.each(WAYS)('the launcher starts the executable %s', (way, before) => {
  posix('which has the arguments, the environment and the standard streams', async () => {
    const folder = copyOfLauncher(`
      const { pid, ppid, argv, env } = process
      console.error('to stderr')
      process.stdin.setEncoding('utf8').on('data', (input) => {
        console.log(JSON.stringify({ pid, ppid, args: argv.slice(2), env: env.ONE_MORE, input }))
      })`)
    const { child, ended } = start(folder, {
      before,
      args: ['list', '--', 'a b', ''],
      env: { ONE_MORE: 'ä' },
    })
    child.stdin.end('one line')
    const { stdout, ...end } = await ended
    const { pid, ppid, ...seen } = JSON.parse(stdout)
    expect(seen).toEqual({ args: ['list', '--', 'a b', ''], env: 'ä', input: 'one line' })
    expect(end).toEqual({ code: 0, signal: null, stderr: 'to stderr\n' })
    expect(way === 'as a child' ? ppid : pid).toBe(child.pid)
  })

  posix.each([0, 1, 13, 75, 143])('and ends with its exit code %i', async (code) => {
    const folder = copyOfLauncher('process.exit(Number(process.argv[2]))')
    expect(await run(folder, { before, args: [String(code)] })).toMatchObject({ code, signal: null })
  })

  posix.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'])('and ends by %s like it', async (signal) => {
    const folder = copyOfLauncher('process.kill(process.pid, process.argv[2]); setInterval(() => {}, 1000)')
    expect(await run(folder, { before, args: [signal] })).toMatchObject({ code: null, signal })
  })

  posix('which gets each SIGINT, SIGTERM, SIGHUP and SIGWINCH', async () => {
    const folder = copyOfLauncher(`
      const count = {}
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGWINCH'])
        process.on(signal, () => {
          count[signal] = (count[signal] ?? 0) + 1
          console.log(signal, count[signal])
        })
      process.stdin.on('end', () => process.exit(13)).resume()
      console.log('ready')`)
    const { child, ended, says } = start(folder, { before })
    await says('ready')
    const signals = ['SIGINT', 'SIGINT', 'SIGWINCH', 'SIGHUP', 'SIGTERM', 'SIGINT', 'SIGTERM']
    const lines = signals.map(
      (signal, at) => `${signal} ${signals.slice(0, at + 1).filter((s) => s === signal).length}`,
    )
    for (const [at, signal] of signals.entries()) {
      child.kill(signal)
      await says(lines[at])
    }
    child.stdin.end()
    expect(await ended).toEqual({
      code: 13,
      signal: null,
      stdout: `ready\n${lines.join('\n')}\n`,
      stderr: '',
    })
  })

  posix('which is in the package of the platform', async () => {
    const file = path.join('node_modules', `session-groups-${PLATFORM}`, 'session-groups')
    const folder = copyOfLauncher("console.log('from the package')", file)
    expect(await run(folder, { before })).toMatchObject({ code: 0, stdout: 'from the package\n', stderr: '' })
  })

  test('built from crates/cli', async () => {
    expect(await run(root, { before, args: ['--version'] })).toEqual({
      code: 0,
      signal: null,
      stdout: `session-groups ${MANIFEST.version}\n`,
      stderr: '',
    })
    const wrong = await run(root, { before, args: ['lst'] })
    expect(wrong).toMatchObject({ code: 2, stdout: '' })
    expect(wrong.stderr).toMatch(/^error: .*'lst'/)
  })
})

describe('the launcher without an executable that this system can start', () => {
  test('names the attempts and the remedy', async () => {
    const { stderr, ...end } = await run(copyOfLauncher())
    expect(end).toEqual({ code: 1, signal: null, stdout: '' })
    const { arch, platform } = process
    expect(stderr).toMatch(`error: session-groups found no executable that runs on ${platform} ${arch}:\n`)
    expect(stderr).toMatch(`'./session-groups.${platform}-${arch}`)
    expect(stderr).toMatch(`'session-groups-${platform}-${arch}`)
    expect(stderr).toMatch('install again without --omit=optional')
    expect(stderr).not.toMatch(/^ +at /m)
  })

  posix('says that a file is not executable', async () => {
    const folder = copyOfLauncher('console.log(1)')
    fs.chmodSync(path.join(folder, 'bin', `session-groups.${PLATFORM}`), 0o644)
    const { code, stderr } = await run(folder)
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/- EACCES: permission denied, .*bin/),
    })
  })

  // An installation for the other C library, as in a copied `node_modules`.
  const arch = { x64: 'x86_64', arm64: 'aarch64' }[process.arch]
  const hasMusl = fs.existsSync(`/lib/ld-musl-${arch}.so.1`)
  const onGlibc = PLATFORM.startsWith('linux') && !hasMusl ? test : test.skip
  onGlibc('does not try an executable for another C library', async () => {
    const musl = path.join('bin', `session-groups.linux-${process.arch}-musl`)
    const { code, stderr } = await run(copyOfLauncher('console.log(1)', musl))
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining(`/lib/ld-musl-${arch}.so.1`),
    })
  })
})
