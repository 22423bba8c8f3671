// Runs a group of sessions in several projects, from recorded output of Claude Code. ClaudeStream parses the output, and
// its results go to a ProgressAggregator and a FileGroupRepository.
//
//   node examples/demo.mjs              runs the demo in a new temporary store
//   node examples/demo.mjs --fast       runs it without pauses
//   node examples/demo.mjs --dir PATH   shows the groups of an existing store

import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  ClaudeStream,
  createSessionProgress,
  DEFAULT_GROUP_CONFIG,
  FileGroupRepository,
  ProgressAggregator,
  SessionGroupsError,
} from 'session-groups'
import { createView, dollars, seconds, tokens } from './terminal.mjs'

/** The sessions of the group and the recorded runs of each. The first session is resumed once. */
const PLAN = [
  { id: '001-api-gateway', dependsOn: [], runs: ['2.1.330-tools', '2.1.330-resume'] },
  { id: '002-web', dependsOn: ['001-api-gateway'], runs: ['2.1.330-partial'] },
  { id: '003-docs', dependsOn: [], runs: ['2.1.330-subagent'] },
  { id: '004-mobile', dependsOn: ['001-api-gateway'], runs: ['2.1.330-maxturns'], exit: { code: 1 } },
  { id: '005-release', dependsOn: ['002-web', '003-docs'], runs: ['2.1.330-parallel'] },
  { id: '006-app-store', dependsOn: ['004-mobile'], runs: [] },
]
const MAX_CONCURRENT = 2

const COMMAND = process.env.npm_lifecycle_event
  ? 'npm run demo --'
  : `node ${path.relative('.', process.argv[1])}`
const USAGE = `usage: ${COMMAND} [--fast | --dir PATH]`

async function main() {
  const options = readOptions()
  if (options.help) return console.log(USAGE)
  if (options.dir !== undefined) return showStore(options.dir)
  const dir = mkdtempSync(path.join(tmpdir(), 'session-groups-demo-'))
  const repository = new FileGroupRepository(dir)
  const group = createGroup()
  await repository.save(group)
  await runGroup(repository, group, options.fast)
  await showResult(repository, group.id, dir)
}

function readOptions() {
  const known = { dir: { type: 'string' }, fast: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } }
  try {
    return parseArgs({ options: known }).values
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`)
    process.exit(2)
  }
}

function createGroup() {
  const now = new Date().toISOString()
  const stamp = now.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  const createSession = ({ id, dependsOn }) => ({
    id,
    projectPath: `/home/dev/projects/${id.slice(4)}`,
    prompt: 'Introduce structured logging',
    status: 'pending',
    dependsOn,
    createdAt: now,
  })
  return {
    id: `${stamp}-structured-logging`,
    name: 'Structured logging everywhere',
    slug: 'structured-logging',
    status: 'created',
    sessions: PLAN.map(createSession),
    config: { ...DEFAULT_GROUP_CONFIG, maxBudgetUsd: 1, maxConcurrentSessions: MAX_CONCURRENT },
    createdAt: now,
    updatedAt: now,
  }
}

/** Runs all sessions that can start, at most `MAX_CONCURRENT` at a time. */
async function runGroup(repository, group, fast) {
  const started = Date.now()
  const aggregator = new ProgressAggregator(started)
  for (const session of group.sessions) aggregator.updateSession(createSessionProgress(session))
  const view = createView(group.config.maxBudgetUsd)
  const show = () => view.show(aggregator.computeProgress(group), aggregator.getAllSessions())
  await repository.update(group.id, { status: 'running', startedAt: new Date(started).toISOString() })
  show()

  const statusOf = (id) => aggregator.getSessionProgress(id)?.status
  const running = new Map()
  for (;;) {
    const ready = PLAN.filter(({ id, dependsOn }) => {
      return (
        statusOf(id) === 'pending' &&
        !running.has(id) &&
        dependsOn.every((on) => statusOf(on) === 'completed')
      )
    })
    for (const item of ready.slice(0, MAX_CONCURRENT - running.size)) {
      const track = (progress) => {
        aggregator.updateSession(progress)
        show()
      }
      const run = runSession(repository, group.id, item, track, fast).finally(() => running.delete(item.id))
      running.set(item.id, run)
    }
    if (running.size === 0) break
    await Promise.race(running.values())
  }

  const status = aggregator.summary().failed > 0 ? 'failed' : 'completed'
  await repository.update(group.id, { status, completedAt: new Date().toISOString() })
  show()
  view.close()
}

/** Runs one session. Each run starts from the stored session, so that a resumed one adds to the cost so far. */
async function runSession(repository, groupId, { id, runs, exit = { code: 0 } }, track, fast) {
  for (const run of runs) {
    const group = await repository.findById(groupId)
    const stream = new ClaudeStream(group.sessions.find((session) => session.id === id))
    let stored
    for await (const chunk of replay(run, fast)) {
      if (!stream.push(chunk)) continue
      track(stream.progress)
      // Only changes of the status are stored: other processes do not need every message.
      if (stream.progress.status === stored) continue
      stored = stream.progress.status
      await repository.updateSession(groupId, id, stream.changes)
    }
    stream.end(exit)
    await repository.updateSession(groupId, id, { ...stream.changes, error: stream.error })
    if (run === runs.at(-1)) track(stream.progress)
  }
}

/** Yields a recorded run in chunks that end in the middle of a line, as a process may print it. */
async function* replay(name, fast) {
  const file = fileURLToPath(new URL(`./captures/${name}.jsonl`, import.meta.url))
  for (const line of readFileSync(file)
    .toString()
    .split(/(?<=\n)/)) {
    const bytes = Buffer.from(line)
    const cut = Math.floor(bytes.length * 0.6)
    for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      if (!fast) await pause(70)
      yield chunk
    }
  }
}

async function showResult(repository, id, dir) {
  const group = await repository.findById(id)
  console.log(`\nRead back from disk: ${group.name}, ${group.status}`)
  showSessions(group)
  const cost = group.sessions.reduce((sum, session) => sum + (session.cost ?? 0), 0)
  console.log(
    `  ${dollars(cost)} in total, in ${seconds(Date.parse(group.completedAt) - Date.parse(group.startedAt))}`,
  )
  console.log(`\nSaved to ${path.join(dir, id, 'meta.json')}`)
  console.log(`To see it again: ${COMMAND} --dir ${dir}`)
}

function showSessions(group) {
  for (const session of group.sessions) {
    const { cost, tokens: used } = createSessionProgress(session)
    const why = session.error ?? waitsFor(group, session)
    const parts = [session.id.padEnd(18), session.status.padEnd(10), dollars(cost), tokens(used).padEnd(13)]
    console.log(`  ${parts.join(' ')} ${why ?? ''}`.trimEnd())
  }
}

function waitsFor(group, { status, dependsOn }) {
  if (status !== 'pending') return undefined
  const open = dependsOn.filter(
    (id) => group.sessions.find((other) => other.id === id)?.status !== 'completed',
  )
  return open.length > 0 ? `waits for ${open.join(', ')}` : undefined
}

async function showStore(dir) {
  const repository = new FileGroupRepository(dir)
  const groups = await repository.list({}, { field: 'createdAt', direction: 'desc' })
  const problems = await repository.verify()
  if (groups.length === 0) console.log(`${existsSync(dir) ? 'No groups in' : 'No such directory:'} ${dir}`)
  for (const group of groups) {
    console.log(`${group.name} (${group.id}), ${group.status}, updated ${group.updatedAt}`)
    showSessions(group)
    console.log('')
  }
  for (const { kind, path: where, message } of problems) console.log(`${kind}: ${where}: ${message}`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof SessionGroupsError)) throw error
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = 1
}
