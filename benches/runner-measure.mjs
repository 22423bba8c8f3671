// Measures a runner with many busy sessions: how long it blocks the event loop, and its CPU time and memory beside those of the
// processes that it runs. benches/runner.mjs starts it on each runtime, with the number of sessions and of seconds.

import { mkdirSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DEFAULT_GROUP_CONFIG, FileGroupRepository, GroupRunner } from 'session-groups'
import { root } from '../scripts/process.mjs'

const [sessions, seconds] = process.argv.slice(2).map(Number)
const TIME = '2026-01-15T10:30:00.000Z'

// Opened once: to open a file waits while the kernel enlarges the table of open files.
const schedule = process.platform === 'linux' ? openSync('/proc/self/schedstat') : undefined
const buffer = Buffer.alloc(100)

const directory = mkdtempSync(path.join(os.tmpdir(), 'session-groups-bench-'))
try {
  console.log(JSON.stringify(await measure()))
} finally {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

async function measure() {
  const repository = new FileGroupRepository(path.join(directory, 'groups'))
  await repository.save(group())
  const runner = new GroupRunner(undefined, repository)
  let events = 0
  runner.on('session_progress', () => {
    events += 1
  })
  const idle = await blocks(seconds * 1000)
  const before = process.memoryUsage.rss()

  const run = runner.run('busy', {
    claudePath: path.join(root, 'target', 'fake-claude', 'claude'),
    startSpacingMs: 0,
  })
  const start = await blocks(3000)
  const cpu = process.cpuUsage()
  const begun = performance.now()
  const steady = await blocks(seconds * 1000)
  const { user, system } = process.cpuUsage(cpu)
  const cores = (user + system) / 1000 / (performance.now() - begun)
  const running = runner.getProgress().running
  const rss = (process.memoryUsage.rss() - before) / 2 ** 20
  await Promise.all([runner.stop({ now: true }), run])
  return { running, events, idle, start, steady, cores, rss }
}

/** Creates a directory for a session to work in. */
function project(id) {
  const created = path.join(directory, 'projects', id)
  mkdirSync(created, { recursive: true })
  return created
}

/** A group whose sessions each print about 50 lines per second. */
function group() {
  const env = { FAKE_BEHAVIOUR: 'works_on' }
  return {
    id: 'busy',
    name: 'Busy',
    slug: 'busy',
    status: 'created',
    sessions: Array.from({ length: sessions }, (_, index) => ({
      id: `session-${index}`,
      projectPath: project(`session-${index}`),
      prompt: 'Work on',
      status: 'pending',
      dependsOn: [],
      createdAt: TIME,
      config: { generateClaudeMd: false, generateSettings: false, env },
    })),
    config: { ...DEFAULT_GROUP_CONFIG, maxConcurrentSessions: sessions, maxBudgetUsd: 10 * sessions },
    createdAt: TIME,
    updatedAt: TIME,
  }
}

/**
 * Returns the times between two turns of the event loop, beyond the millisecond that was asked for: the median, the one that 1 % of
 * them exceed, and the longest. On Linux, the time in which the thread was ready but had no processor is not part of them: the
 * sessions' processes and other programs take it, not the runner.
 */
async function blocks(ms) {
  const times = []
  let last = threadTime()
  const timer = setInterval(() => {
    const now = threadTime()
    times.push(Math.max(0, now - last - 1))
    last = now
  }, 1)
  await new Promise((resolve) => setTimeout(resolve, ms))
  clearInterval(timer)
  times.sort((one, other) => one - other)
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))]
  return { median: at(0.5), p99: at(0.99), longest: at(1) }
}

/** Returns the time without that in which the main thread has been ready without a processor, in milliseconds. */
function threadTime() {
  for (;;) {
    const before = waited()
    const now = performance.now()
    if (waited() === before) return now - before
  }
}

/** Returns how long the main thread has been ready without a processor, in milliseconds. */
function waited() {
  if (schedule === undefined) return 0
  const length = readSync(schedule, buffer, 0, buffer.length, 0)
  const [, nanoseconds] = buffer.toString('latin1', 0, length).split(' ')
  return Number(nanoseconds) / 1e6
}
