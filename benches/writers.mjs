// Starts processes that write.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { root } from '../scripts/process.mjs'

const FILE = path.join(root, 'benches', 'writer.mjs')

/**
 * Starts a writer on the current runtime:
 * - `way`: `ours` or `sqlite`
 * - `store`: path of the store or of the database
 * - `costs`: the cost that each update sets
 * - `groupOf`: numbers of the groups that the updates take in turns
 * - `pause`: milliseconds before each update
 *
 * Resolves when the writer is ready, to a function that lets it begin. That resolves to the times of acknowledgement.
 */
export async function startWriter(plan) {
  const child = spawn(process.execPath, [FILE, JSON.stringify(plan)], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let output = ''
  let ready
  const isReady = new Promise((resolve) => (ready = resolve))
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
    if (output.includes('\n')) ready()
  })
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`A writer ended with code ${code}`)),
    )
  })
  await Promise.race([isReady, ended])
  return async () => {
    child.stdin.end()
    await ended
    return JSON.parse(output.trim().split('\n')[1])
  }
}
