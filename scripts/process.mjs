// Helpers for starting other programs. They use only Node's own modules, because they run before `npm ci`.

import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'

export const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..')

/** An error for the user, such as a missing tool. It is printed without a stack. */
export class Stop extends Error {}

/** Runs a program in the repository and captures its output. Never rejects: a missing program sets `missing`. */
export function run(program, args, { timeout = 30 * 60_000, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options })
    // The option `timeout` of `spawn` would keep this process alive if the program is missing.
    const timer = setTimeout(() => child.kill(), timeout)
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    const stopReporting = reportProgress(chunks)
    const stopTimers = () => {
      clearTimeout(timer)
      stopReporting()
    }
    child.on('error', (error) => {
      stopTimers()
      resolve({ ok: false, missing: error.code === 'ENOENT', output: error.message })
    })
    child.on('close', (code, signal) => {
      stopTimers()
      const output = Buffer.concat(chunks).toString()
      resolve({ ok: code === 0, missing: false, output: signal ? `${output}\nkilled by ${signal}` : output })
    })
  })
}

/** Prints the newest line of a program's output every few seconds, so that a long step is not silent. */
function reportProgress(chunks) {
  const begun = Date.now()
  const timer = setInterval(() => {
    const lines = String(chunks.at(-1) ?? '')
      .trim()
      .split('\n')
    const line = stripVTControlCharacters(lines.at(-1)).trim().slice(0, 100)
    console.error(`  ${Math.round((Date.now() - begun) / 1000)} s  ${line}`)
  }, 5_000)
  return () => clearInterval(timer)
}

/** Runs a program and returns its output. Throws a `Stop` with the output if the program fails. */
export async function must(what, program, args, options) {
  const { ok, missing, output } = await run(program, args, options)
  if (missing && program === 'cargo')
    throw new Stop('Rust is missing: `cargo` was not found. See https://rustup.rs')
  if (!ok) throw new Stop(`${output.trimEnd()}\n\n${what} failed`)
  return output
}

/**
 * Creates a directory for the temporary files of this process and its children. It is deleted when this process ends, so
 * that children leave no files behind even if they are killed.
 */
export function temporaryDirectory() {
  const directory = mkdtempSync(path.join(tmpdir(), 'session-groups-'))
  // Tests run parts of themselves as another user, who has to reach what is in it.
  chmodSync(directory, 0o711)
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) process.env[name] = directory
  process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  return directory
}

/** Runs the main function of a script. A `Stop` is printed as its message, with exit code 1. */
export async function main(body) {
  try {
    await body()
  } catch (error) {
    console.error(error instanceof Stop ? error.message : error)
    process.exitCode = 1
  }
}
