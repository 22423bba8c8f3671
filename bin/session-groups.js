#!/usr/bin/env node
// Starts the command line: the native executable of this platform.

const { spawn } = require('node:child_process')
const { accessSync, constants, readdirSync } = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { noBinary } = require('../lib/no-binary.js')

const { arch, platform } = process
const isWindows = platform === 'win32'

/** On Windows, the console sends these to all its processes, and sending one ends the process that should receive it. */
const SIGNALS = isWindows ? ['SIGINT', 'SIGBREAK', 'SIGHUP'] : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGWINCH']

/** The file that the kernel needs to start an executable which is linked with a C library. */
const LOADERS = {
  'linux-x64-gnu': '/lib64/ld-linux-x86-64.so.2',
  'linux-x64-musl': '/lib/ld-musl-x86_64.so.1',
  'linux-arm64-gnu': '/lib/ld-linux-aarch64.so.1',
  'linux-arm64-musl': '/lib/ld-musl-aarch64.so.1',
}

const executable = findExecutable()
if (executable) start(executable, process.argv.slice(2))

/** Returns the path of the executable. If there is none, prints why and returns `undefined`. */
function findExecutable() {
  const attempts = []
  for (const candidate of candidates()) {
    try {
      return usable(candidate)
    } catch (error) {
      attempts.push(error)
    }
  }
  fail(noBinary('executable', attempts).message)
  return undefined
}

/** Returns where the executable can be: built in this folder, or in the package of a platform. */
function candidates() {
  const system = `${platform}-${arch}`
  const platforms = { linux: [`${system}-gnu`, `${system}-musl`], win32: [`${system}-msvc`] }[platform] ?? [
    system,
  ]
  // Built from source, it can be for any C library.
  const own = new RegExp(`^session-groups\\.(${system}(?:-\\w+)?)(?:\\.exe)?$`)
  const built = readdirSync(__dirname).flatMap((name) => name.match(own)?.[1] ?? [])
  const file = isWindows ? 'session-groups.exe' : 'session-groups'
  return [
    ...[...new Set([...platforms, ...built])].map((platform) => ({
      platform,
      file: `./session-groups.${platform}${path.extname(file)}`,
    })),
    ...platforms.map((platform) => ({ platform, file: `session-groups-${platform}/${file}` })),
  ]
}

/** Returns the path of an executable. Throws if it is missing or this system cannot start it: Node may crash if it tries. */
function usable(candidate) {
  const file = require.resolve(candidate.file)
  accessSync(file, constants.X_OK)
  const loader = LOADERS[candidate.platform]
  if (loader) accessSync(loader)
  return file
}

function start(file, args) {
  if (process.execve && !isWindows) {
    try {
      process.execve(file, ['session-groups', ...args], process.env)
    } catch (error) {
      return failToStart(error)
    }
  }
  let child
  for (const signal of SIGNALS) process.on(signal, () => isWindows || child.kill(signal))
  child = spawn(file, args, { argv0: 'session-groups', stdio: 'inherit' })
  child.on('error', failToStart)
  child.on('exit', endLike)
}

/** Ends this process as the executable has ended. */
function endLike(code, signal) {
  for (const name of SIGNALS) process.removeAllListeners(name)
  process.exitCode = code ?? 128 + os.constants.signals[signal]
  // The first process of a container survives its own signals. It ends with the exit code.
  if (signal) process.kill(process.pid, signal)
}

function failToStart(error) {
  fail(`cannot start the executable of session-groups: ${error.message}`)
}

function fail(message) {
  process.exitCode = 1
  process.stderr.write(`error: ${message}\n`)
}
