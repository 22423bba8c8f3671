// Runs the long form of the tests of the runner: every state of all groups of up to four sessions, random runs with new
// seeds, all planted defects, a thousand killed runners, a thousand races of two runners, the cost of a hundred busy
// sessions, and two hundred sessions in a terminal. `RUNNER_SEED=n` replays a random run, `RUNNER_KILLS=n` sets the number of kills, `UPDATE_DOCS=1` writes
// docs/planted-defects.md.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { root } from './process.mjs'

/** Arguments of cargo that run tests of the core in an optimized build. */
const optimized = ['test', '--profile', 'explore', '--package', 'session-groups', '--color', 'never']

/** Arguments of cargo that run the tests of the decisions. */
export const decisions = [...optimized, '--lib', 'runner::plan', '--']

/** Arguments of cargo that run the tests of whole groups. */
const groups = [...optimized, '--test', 'runner_groups', '--']

/** Arguments of cargo that run the tests of the command line in a terminal. */
const terminal = ['test', '--package', 'session-groups-cli', '--test', 'terminal', '--color', 'never', '--']

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isDone =
    (await cargo([...decisions, '--include-ignored', '--nocapture'])) &&
    // One after the other, since some of them measure.
    (await cargo([...groups, '--ignored', '--nocapture', '--test-threads=1'])) &&
    (await cargo([...terminal, '--ignored']))
  if (!isDone) process.exitCode = 1
}

/** Runs cargo. Returns `true` if it succeeded. */
function cargo(args) {
  return new Promise((resolve) => {
    const child = spawn('cargo', args, { cwd: root, stdio: 'inherit' })
    child.on('error', (error) => {
      console.error(error.message)
      resolve(false)
    })
    child.on('close', (code) => resolve(code === 0))
  })
}
