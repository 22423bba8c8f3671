// How the scripts start other programs. Only what Node brings along: these run before anything is installed.

import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..')

/** A mistake or a missing tool that one message explains; no stack is shown. */
export class Stop extends Error {}

/** Runs a program in the repository and keeps what it prints. Never rejects: a missing program is a failed one. */
export function run(program, args, { timeout = 30 * 60_000, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout, ...options })
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    child.on('error', (error) =>
      resolve({ ok: false, missing: error.code === 'ENOENT', output: error.message }),
    )
    child.on('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString()
      resolve({ ok: code === 0, missing: false, output: signal ? `${output}\nended by ${signal}` : output })
    })
  })
}

/** Runs a program that has to succeed; shows all it printed when it does not. */
export async function must(what, program, args, options) {
  const { ok, missing, output } = await run(program, args, options)
  if (missing && program === 'cargo')
    throw new Stop('Rust is missing: `cargo` was not found. See https://rustup.rs')
  if (!ok) throw new Stop(`${output.trimEnd()}\n\n${what} failed`)
  return output
}

/**
 * A directory in which this process, and all that it starts, make their temporary files. It goes when the process ends, so
 * that nothing is left of them, not even of one that was killed.
 */
export function temporaryDirectory() {
  const directory = mkdtempSync(path.join(tmpdir(), 'session-groups-'))
  // Tests run parts of themselves as another user, who has to reach what is in it.
  chmodSync(directory, 0o711)
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) process.env[name] = directory
  process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  return directory
}

/** Runs a script's main function: a `Stop` becomes its message and exit code 1. */
export async function main(body) {
  try {
    await body()
  } catch (error) {
    console.error(error instanceof Stop ? error.message : error)
    process.exitCode = 1
  }
}
