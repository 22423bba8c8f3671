// Shared helpers: a valid group, a fresh directory, the captures, and other processes.

const { execFile, spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const root = path.join(__dirname, '..', '..', '..')
const TIME = '2026-01-15T10:30:00.000Z'

const makeSession = (changes = {}) => ({
  id: '001-api',
  projectPath: '/projects/api',
  prompt: 'Add logging',
  status: 'pending',
  dependsOn: [],
  createdAt: TIME,
  ...changes,
})

const makeGroup = (changes = {}) => ({
  id: '20260115-103000-logging',
  name: 'Logging',
  slug: 'logging',
  status: 'created',
  sessions: [
    makeSession(),
    makeSession({ id: '002-web', projectPath: '/projects/web', dependsOn: ['001-api'] }),
  ],
  config: {
    model: 'sonnet',
    maxBudgetUsd: 10,
    onBudgetExceeded: 'pause',
    warningThreshold: 0.8,
    maxConcurrentSessions: 3,
  },
  createdAt: TIME,
  updatedAt: TIME,
  ...changes,
})

/**
 * Windows has other permissions, has no pipes or sockets among its files, starts no script as a program, runs no groups, and refuses to
 * rename a directory that is in use.
 */
const posix = process.platform === 'win32' ? test.skip : test

/**
 * A directory of its own. Jest removes them with each file; Bun, which loads this module once for all files, has no hook for
 * their end, but `npm test` has.
 */
const freshDir = () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'session-groups-test-'))
  dirs.push(dir)
  return dir
}
const dirs = []
if (!process.versions.bun) {
  afterAll(() => {
    for (const dir of dirs) fs.rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  })
}

/** A link to what is there or, to a file, to what is not. On Windows any user may make one kind of link to a directory. */
const link = (target, at) => {
  const isDirectory = fs.statSync(target, { throwIfNoEntry: false })?.isDirectory()
  fs.symlinkSync(target, at, isDirectory ? 'junction' : 'file')
}

/** Windows lets few users make links to files, and Wine makes none at all. */
const linking = process.platform !== 'win32' || canLink() ? test : test.skip

function canLink() {
  const dir = freshDir()
  try {
    link(path.join(dir, 'file'), path.join(dir, 'link'))
    return fs.lstatSync(path.join(dir, 'link')).isSymbolicLink()
  } catch {
    return false
  }
}

/** Renames. Again and again on Windows, which refuses it while anyone reads the file that is there. */
const renameOver = (from, to) => {
  const end = Date.now() + 10_000
  while (true) {
    try {
      return fs.renameSync(from, to)
    } catch (error) {
      if (process.platform !== 'win32' || Date.now() > end) throw error
    }
  }
}

const capture = (name) => fs.readFileSync(path.join(root, 'examples', 'captures', `${name}.jsonl`))

/** Returns the error that a call throws. Fails if it throws nothing. */
const thrown = (call) => {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** Returns the reason of a rejected promise. A call that throws instead of rejecting fails the test. */
const rejection = (promise) =>
  promise.then(
    (value) => {
      throw new Error(`not rejected, but fulfilled with ${JSON.stringify(value)}`)
    },
    (error) => error,
  )

/** Runs a script in a process of its own, with `sg` at hand; gives its exit code and what it printed. */
const runScript = (script, { program = process.execPath, env = {}, args = [] } = {}) =>
  new Promise((resolve) => {
    const text = `const sg = require(${JSON.stringify(root)});${script}`
    const options = { env: { ...process.env, ...env }, timeout: 60_000 }
    const child = execFile(program, ['-e', text, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout: stdout.trim(), stderr }),
    )
    child.stdin.end()
  })

/** Bun, as its package has it on every system. */
const bun = () => (process.versions.bun ? process.execPath : path.join(root, 'node_modules/bun/bin/bun.exe'))

const holder = path.join(__dirname, 'hold-locks.mjs')
const flock = (dir) => {
  const locks = path.join(dir, '.locks')
  const commands = fs.readdirSync(locks).map((name) => `flock ${path.join(locks, name)}`)
  return spawn(commands.join(' ').concat(" sh -c 'echo held; read line'"), { shell: true })
}

/** Holds the locks of all groups of a store, as another process would; gives the function that frees them. */
const holdLocks = (dir) =>
  new Promise((resolve, reject) => {
    const child = process.platform === 'linux' ? flock(dir) : spawn(bun(), [holder, path.join(dir, '.locks')])
    child.on('error', reject)
    child.stderr.on('data', (text) => reject(new Error(String(text))))
    child.stdout.once('data', () =>
      resolve(() => new Promise((freed) => child.once('close', freed) && child.stdin.end())),
    )
  })

module.exports = {
  renameOver,
  root,
  TIME,
  makeSession,
  makeGroup,
  posix,
  freshDir,
  link,
  linking,
  capture,
  thrown,
  rejection,
  runScript,
  bun,
  holdLocks,
}
