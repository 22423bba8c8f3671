// Runs a plan file with a stand-in for Claude Code, kills its own runner, takes the group up again, reaches the budget, and
// goes on with a larger one.
//
//   node examples/demo.mjs          takes about 17 seconds
//   node examples/demo.mjs --fast   takes about 5 seconds

import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { FileGroupRepository } from 'session-groups'

const PLAN = 'payments.group.yaml'
const HELP = `usage: node ${path.relative('.', process.argv[1])} [--fast]`
/** Exit code of `session-groups` for a budget that is spent. */
const BUDGET_SPENT = 11

const here = import.meta.dirname
const program = path.join(here, '..', 'bin', 'session-groups.js')
const args = process.argv.slice(2)
const isFast = args[0] === '--fast'
const home = realpathSync(mkdtempSync(path.join(tmpdir(), 'session-groups-demo-')))
const store = path.join(home, 'groups')
const env = {
  ...process.env,
  HOME: home,
  SESSION_GROUPS_STORE: store,
  SESSION_GROUPS_CLAUDE: path.join(home, 'bin', 'claude'),
}
let isInterrupted = false

async function main() {
  if (args.length > (isFast ? 1 : 0)) return stop(HELP, 2)
  console.log('recorded sessions: no model runs, nothing is spent')
  console.log('Each amount below is a hundred times the recorded one, so that the budget can be reached.')
  if (process.platform === 'win32') return stop('\nGroups run on Linux and macOS only.', 1)
  process.on('SIGINT', () => {
    isInterrupted = true
  })
  prepare()

  say('The plan: four sessions in four directories, two at once.')
  console.log(`$ cat ${PLAN}\n${readFileSync(path.join(home, PLAN), 'utf8').replace(/^/gm, '  ').trimEnd()}`)

  say('The first run. Its process will be killed while two sessions work.')
  const killed = run('run', PLAN)
  await killRunner()
  expect(await killed, 128 + constants.signals.SIGKILL)

  say('kill -9: the runner is gone. The two sessions are not, and the group is stored.')
  expect(await run('status'), 0)

  say('The same command takes the group up: it adopts the sessions, and starts nothing twice.')
  expect(await run('run', PLAN), BUDGET_SPENT)

  say('The budget is spent, so the last session was stopped. With more money it goes on where it was.')
  expect(await run('resume', 'payments', '--budget', '5'), 0)

  say('What is stored:')
  expect(await run('show', 'latest'), 0)
  console.log(`\nStill nothing was spent. Look around: npx session-groups show latest --store ${store}`)
}

/** Makes the directories of the plan, and a program `claude` that replays recordings. */
function prepare() {
  for (const name of ['bin', 'api', 'clients/ts', 'clients/python', 'docs'])
    mkdirSync(path.join(home, name), { recursive: true })
  copyFileSync(path.join(here, PLAN), path.join(home, PLAN))
  const quote = (word) => `'${word.replaceAll("'", "'\\''")}'`
  const replay = [process.execPath, path.join(here, 'claude.mjs'), '--pace', isFast ? '250' : '700']
  const script = `#!/bin/sh\nexec ${replay.map(quote).join(' ')} "$@"\n`
  writeFileSync(env.SESSION_GROUPS_CLAUDE, script, { mode: 0o755 })
}

/** Runs a command, with all its output in this one. Returns its exit code; that of a killed process is as in a shell. */
function run(...args) {
  console.log(`$ session-groups ${args.join(' ')}`)
  const child = spawn(process.execPath, [program, ...args], { cwd: home, env, stdio: ['inherit', 1, 1] })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  })
}

/** Kills the process that runs the group, once two sessions work. */
async function killRunner() {
  const isAtWork = ({ status, attempts }) => status === 'active' && attempts?.at(-1)?.process
  const timeout = AbortSignal.timeout(60_000)
  for await (const { group } of new FileGroupRepository(store).watch({ signal: timeout }))
    if (group?.sessions.filter(isAtWork).length === 2) break
  await pause(isFast ? 100 : 1500)
  const doctor = spawnSync(process.execPath, [program, 'doctor', '--json'], { env, encoding: 'utf8' })
  const { runners } = JSON.parse(doctor.stdout)
  if (runners[0]?.pid) process.kill(runners[0].pid, 'SIGKILL')
}

function say(text) {
  console.log(`\n# ${text}`)
}

function expect(code, expected) {
  if (isInterrupted) process.exit(130)
  if (code !== expected)
    stop(`The demonstration has failed: exit code ${code} instead of ${expected}. See ${store}`, 1)
}

function stop(text, code) {
  console.error(text)
  process.exit(code)
}

await main()
