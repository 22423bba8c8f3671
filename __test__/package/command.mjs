// The command line, started by the runtime that runs this program: exit codes, output and signals.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'

const manifest = createRequire(import.meta.url).resolve('session-groups/package.json')
const { bin, version } = JSON.parse(readFileSync(manifest, 'utf8'))
const launcher = path.join(path.dirname(manifest), bin['session-groups'])
const store = mkdtempSync(path.join(tmpdir(), 'store-'))

/** Runs a command. `signal` is sent to the launcher once it has printed something. */
function run(args, signal) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const out = { stdout: '', stderr: '' }
    if (signal) child.stdout.once('data', () => child.kill(signal))
    child.stdout.on('data', (chunk) => {
      out.stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      out.stderr += chunk
    })
    child.on('error', reject)
    // As a shell shows it.
    child.on('close', (code, name) => resolve({ code: code ?? 128 + constants.signals[name], ...out }))
  })
}

assert.deepEqual(await run(['--version']), { code: 0, stdout: `session-groups ${version}\n`, stderr: '' })

const groups = await run(['list', '--json', '--store', store])
assert.equal(groups.code, 0, groups.stderr)
assert.deepEqual(JSON.parse(groups.stdout).groups, [])

const wrong = await run(['lst'])
assert.equal(wrong.code, 2)
assert.match(wrong.stderr, /^error: /)

if (process.platform !== 'win32') {
  assert.equal((await run(['create', 'one', '--store', store])).code, 0)
  const follow = ['events', 'latest', '--follow', '--store', store]
  assert.equal((await run(follow, 'SIGINT')).code, 130)
  assert.equal((await run(follow, 'SIGTERM')).code, 143)
}
console.log('ok')
