// The time is that of `Date.now()` at the call, so that fake timers move it.

const runner = process.versions.bun ? 'bun:test' : '@jest/globals'
const { afterEach, beforeEach, describe, expect, jest: timers, setSystemTime, test } = require(runner)
const sg = require('../..')
const { freshDir, makeGroup, makeSession } = require('./helpers')

const START = Date.parse('2031-05-05T12:00:00.000Z')
const iso = (time) => new Date(time).toISOString()

/** Sets the time, in Jest by its fake timers, in Bun by `setSystemTime`. */
const setTime = (time) => {
  if (process.versions.bun) setSystemTime(new Date(time))
  else timers.useFakeTimers({ now: time })
}

beforeEach(() => setTime(START))
afterEach(() => {
  if (process.versions.bun) setSystemTime()
  else timers.useRealTimers()
})

const stores = {
  FileGroupRepository: () => new sg.FileGroupRepository(freshDir(), { durability: 'process' }),
  InMemoryGroupRepository: () => new sg.InMemoryGroupRepository(),
}

describe.each(Object.keys(stores))('updatedAt of %s', (name) => {
  test('is the time of the update and never decreases', async () => {
    const repository = stores[name]()
    const { id, sessions } = makeGroup()
    const updatedAt = async () => (await repository.findById(id)).updatedAt
    await repository.save(makeGroup())

    await repository.update(id, { name: 'a' })
    expect(await updatedAt()).toBe(iso(START))
    setTime(START + 1_000)
    await repository.updateSession(id, sessions[0].id, { cost: 1 })
    expect(await updatedAt()).toBe(iso(START + 1_000))
    setTime(START + 2_000)
    await repository.update(id, () => ({ name: 'b' }))
    expect(await updatedAt()).toBe(iso(START + 2_000))

    setTime(START)
    await repository.update(id, { name: 'c' })
    await repository.update(id, () => ({ name: 'd' }))
    await repository.updateSession(id, sessions[0].id, { cost: 2 })
    expect(await updatedAt()).toBe(iso(START + 2_000))
  })
})

test('elapsedTime and durationMs follow the time', () => {
  const session = makeSession({ status: 'active', startedAt: iso(START) })
  const aggregator = new sg.ProgressAggregator(START)
  aggregator.updateSession(sg.createSessionProgress(session))
  setTime(START + 5_000)
  expect(sg.createSessionProgress(session).durationMs).toBe(5_000)
  expect(aggregator.summary().elapsedTime).toBe(5_000)
  setTime(START + 7_000)
  const group = makeGroup({ status: 'running', startedAt: iso(START), sessions: [session] })
  expect(aggregator.computeProgress(group).elapsedTime).toBe(7_000)
})

test('a stream starts, lasts and ends by the time', () => {
  const stream = new sg.ClaudeStream(makeSession())
  stream.push('{"type":"system","subtype":"init","session_id":"x"}\n')
  expect(stream.progress.startedAt).toBe(iso(START))
  setTime(START + 3_000)
  expect(stream.progress.durationMs).toBe(3_000)
  setTime(START + 4_000)
  stream.end({ code: 0 })
  setTime(START + 9_000)
  expect(stream.progress.durationMs).toBe(4_000)
  expect(stream.changes).toMatchObject({
    startedAt: iso(START),
    completedAt: iso(START + 4_000),
    runMs: 4_000,
  })
})

test('the default base directory is in the HOME of the realm', async () => {
  const name = process.platform === 'win32' ? 'USERPROFILE' : 'HOME'
  const former = process.env[name]
  process.env[name] = freshDir()
  try {
    await new sg.FileGroupRepository().save(makeGroup())
    const base = require('node:path').join(process.env[name], '.local/claude-code-agent/session-groups')
    expect(await new sg.FileGroupRepository(base).count()).toBe(1)
  } finally {
    process.env[name] = former
  }
})
