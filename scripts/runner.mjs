// Runs the long form of the tests of the runner's decisions: every state of all groups of up to four sessions, random runs
// with new seeds, and all planted defects. `RUNNER_SEED=n` replays a random run, `UPDATE_DOCS=1` writes
// docs/planted-defects.md.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { root } from './process.mjs'

/** Arguments of cargo that run these tests in an optimized build. */
export const decisions = [
  ...['test', '--profile', 'explore', '--package', 'session-groups', '--lib', '--color', 'never'],
  ...['runner::plan', '--'],
]

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = [...decisions, '--include-ignored', '--nocapture']
  const child = spawn('cargo', args, { cwd: root, stdio: 'inherit' })
  child.on('error', (error) => {
    console.error(error.message)
    process.exitCode = 1
  })
  child.on('close', (code) => {
    process.exitCode = code ?? 1
  })
}
