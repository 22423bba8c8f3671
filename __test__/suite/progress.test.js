const sg = require('../..')
const { makeGroup, makeSession, TIME, thrown } = require('./helpers')

const progress = (id, changes = {}) => ({
  id,
  projectPath: `/projects/${id}`,
  status: 'active',
  cost: 0,
  tokens: { input: 0, output: 0 },
  messageCount: 0,
  ...changes,
})
const plan = (sessions, config = {}) =>
  makeGroup({
    sessions: sessions.map(([id, status, dependsOn = []]) => makeSession({ id, status, dependsOn })),
    config: { ...makeGroup().config, ...config },
  })
const done = (id, durationMs) => progress(id, { status: 'completed', durationMs })

describe('createSessionProgress', () => {
  test('shows what is stored', () => {
    expect(sg.createSessionProgress(makeSession())).toEqual({
      id: '001-api',
      projectPath: '/projects/api',
      status: 'pending',
      cost: 0,
      tokens: { input: 0, output: 0 },
      messageCount: 0,
    })
    const tokens = { input: 5, output: 6, cacheRead: 7, cacheWrite: 8 }
    const session = makeSession({ status: 'active', cost: 0.3, tokens, startedAt: TIME })
    expect(sg.createSessionProgress(session)).toMatchObject({ cost: 0.3, tokens, startedAt: TIME })
  })

  test('the duration of a finished session is fixed', () => {
    const completedAt = '2026-01-15T10:30:05.500Z'
    for (const status of ['completed', 'failed']) {
      const session = makeSession({ status, startedAt: TIME, completedAt })
      expect(sg.createSessionProgress(session).durationMs).toBe(5500)
    }
  })

  test('the duration is the time spent running, over all runs', () => {
    const times = { startedAt: TIME, completedAt: '2026-01-15T10:30:05.500Z' }
    const duration = (changes) => sg.createSessionProgress(makeSession({ ...times, ...changes })).durationMs
    for (const status of ['completed', 'failed', 'paused', 'pending']) {
      expect(duration({ status, runMs: 600_000 })).toBe(600_000)
    }
    for (const status of ['paused', 'pending']) expect(duration({ status })).toBe(undefined)
    // The run that goes on counts up to now.
    const startedAt = new Date(Date.now() - 10_000).toISOString()
    const active = duration({ status: 'active', startedAt, completedAt: undefined, runMs: 600_000 })
    expect(active).toBeGreaterThanOrEqual(610_000)
    expect(active).toBeLessThan(640_000)
    expect(duration({ status: 'active', startedAt })).toBeLessThan(40_000)
  })

  test('fields that an older program used for something else are ignored', () => {
    const odd = {
      runMs: 'long',
      error: { code: 5 },
      attempts: 3,
      retries: 'often',
      usageCounters: [],
      model: null,
    }
    const session = makeSession({ status: 'completed', startedAt: TIME, completedAt: TIME, ...odd })
    expect(sg.createSessionProgress(session)).toMatchObject({ status: 'completed', durationMs: 0 })
    expect(new sg.ClaudeStream(session).progress).toMatchObject({ status: 'completed' })
    const group = makeGroup({ sessions: [session], control: 'none', cause: 5 })
    expect(new sg.ProgressAggregator().computeProgress(group)).toMatchObject({ completed: 1 })
  })

  test('what is no session is refused with the path', () => {
    for (const [changes, field] of [
      [{ status: 'bogus' }, 'status'],
      [{ cost: -1 }, 'cost'],
      [{ tokens: { input: 1.5, output: 0 } }, 'tokens.input'],
      [{ dependsOn: [1] }, 'dependsOn[0]'],
    ]) {
      const error = thrown(() => sg.createSessionProgress(makeSession(changes)))
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field })
    }
    for (const bad of [undefined, null, 'x', []]) {
      expect(thrown(() => sg.createSessionProgress(bad))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field: 'session',
      })
    }
  })
})

describe('the budget', () => {
  test('is used in percent, 0 without a budget', () => {
    expect(sg.calculateBudgetUsage(8, 10)).toBe(80)
    expect(sg.calculateBudgetUsage(15, 10)).toBe(150)
    expect(sg.calculateBudgetUsage(5, 0)).toBe(0)
    expect(sg.calculateBudgetUsage(5, -1)).toBe(0)
  })

  test('warns from the threshold on and is exceeded at the limit', () => {
    expect([7.9, 8, 9].map((cost) => sg.isBudgetWarning(cost, 10, 0.8))).toEqual([false, true, true])
    expect([9.9, 10, 11].map((cost) => sg.isBudgetExceeded(cost, 10))).toEqual([false, true, true])
  })

  test('what is no finite number is refused', () => {
    for (const bad of [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      '5',
      undefined,
      null,
      5n,
    ]) {
      expect(thrown(() => sg.calculateBudgetUsage(bad, 1))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field: 'cost',
      })
      expect(thrown(() => sg.isBudgetExceeded(1, bad))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field: 'max',
      })
      expect(thrown(() => sg.isBudgetWarning(1, 1, bad))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field: 'threshold',
      })
    }
  })
})

describe('ProgressAggregator', () => {
  test('keeps the order in which sessions were first tracked', () => {
    const aggregator = new sg.ProgressAggregator()
    for (const id of ['b', 'a', 'c', 'b']) aggregator.updateSession(progress(id))
    expect(aggregator.getAllSessions().map(({ id }) => id)).toEqual(['b', 'a', 'c'])
    aggregator.removeSession('b')
    aggregator.removeSession('never there')
    aggregator.updateSession(progress('b'))
    expect(aggregator.getAllSessions().map(({ id }) => id)).toEqual(['a', 'c', 'b'])
    aggregator.clear()
    expect(aggregator.getAllSessions()).toEqual([])
  })

  test('gives back what it was given, as a copy', () => {
    const aggregator = new sg.ProgressAggregator()
    const full = progress('a', {
      cost: 0.1,
      tokens: { input: 1, output: 2, cacheRead: 3, cacheWrite: 4 },
      messageCount: 5,
      currentTool: 'Bash',
      startedAt: TIME,
      durationMs: 7,
    })
    aggregator.updateSession(full)
    expect(aggregator.getSessionProgress('a')).toEqual(full)
    aggregator.getSessionProgress('a').cost = 99
    expect(aggregator.getSessionProgress('a').cost).toBe(0.1)
    expect(aggregator.getSessionProgress('b')).toBe(undefined)
  })

  test('sums money exactly, also after changes', () => {
    const aggregator = new sg.ProgressAggregator()
    for (let index = 0; index < 10; index++) aggregator.updateSession(progress(`s${index}`, { cost: 0.1 }))
    expect(aggregator.summary().totalCost).toBe(1)
    for (let index = 3; index < 10; index++) aggregator.removeSession(`s${index}`)
    expect(aggregator.summary().totalCost).toBe(0.3)
    aggregator.updateSession(progress('s0', { cost: 1e21 }))
    aggregator.updateSession(progress('s0', { cost: 0.1 }))
    expect(aggregator.summary().totalCost).toBe(0.3)
  })

  test('counts by status and leaves out what is 0', () => {
    const aggregator = new sg.ProgressAggregator()
    for (const [id, status] of Object.entries({
      a: 'pending',
      b: 'paused',
      c: 'active',
      d: 'completed',
      e: 'failed',
    })) {
      aggregator.updateSession(progress(id, { status, tokens: { input: 1, output: 2, cacheRead: 0 } }))
    }
    const summary = aggregator.summary()
    expect(summary).toEqual({
      completed: 1,
      running: 1,
      pending: 2,
      failed: 1,
      totalCost: 0,
      totalTokens: { input: 5, output: 10 },
    })
    expect('elapsedTime' in summary || 'cacheRead' in summary.totalTokens).toBe(false)
  })

  test('knows the time since the start it was given', () => {
    const elapsed = new sg.ProgressAggregator(Date.now() - 60_000).summary().elapsedTime
    expect(elapsed).toBeGreaterThanOrEqual(59_990)
    expect(new sg.ProgressAggregator(Date.now() + 60_000).summary().elapsedTime).toBe(0)
    expect(
      new sg.ProgressAggregator().computeProgress(makeGroup({ startedAt: TIME })).elapsedTime,
    ).toBeGreaterThan(0)
  })

  test('a session with deeply nested settings is one', () => {
    const settingsOverride = { deep: JSON.parse(`${'['.repeat(900)}${']'.repeat(900)}`) }
    const [session] = makeGroup().sessions
    const config = { generateClaudeMd: true, generateSettings: true, settingsOverride }
    expect(sg.createSessionProgress({ ...session, config }).id).toBe(session.id)
  })

  test('of a group that has ended, the time stands still', () => {
    const times = { startedAt: '2026-01-15T10:30:00.000Z', completedAt: '2026-01-15T10:31:00.000Z' }
    const elapsed = (changes) =>
      new sg.ProgressAggregator().computeProgress(makeGroup({ ...times, ...changes })).elapsedTime
    for (const status of ['completed', 'failed', 'archived']) expect(elapsed({ status })).toBe(60_000)
    // An earlier run of it had ended.
    expect(elapsed({ status: 'running' })).toBeGreaterThan(60_000)
  })

  test('what is tracked wins over what is stored; money counts both', () => {
    const aggregator = new sg.ProgressAggregator()
    const group = makeGroup({
      sessions: [
        makeSession({ id: 'a', cost: 5 }),
        makeSession({ id: 'b', cost: 0.2, status: 'paused', tokens: { input: 1, output: 1, cacheRead: 1 } }),
      ],
    })
    aggregator.updateSession(
      progress('a', { status: 'completed', cost: 0.1, tokens: { input: 2, output: 2 } }),
    )
    aggregator.updateSession(progress('gone', { cost: 0.3 }))
    const computed = aggregator.computeProgress(group)
    expect(computed).toMatchObject({
      groupId: group.id,
      totalSessions: 2,
      completed: 1,
      running: 0,
      pending: 1,
      failed: 0,
      totalCost: 0.6,
      totalTokens: { input: 3, output: 3, cacheRead: 1 },
    })
    expect(computed.sessions.map(({ id }) => id)).toEqual(['a', 'gone'])
  })

  describe('the time that is left', () => {
    const remaining = (sessions, tracked, config) => {
      const aggregator = new sg.ProgressAggregator()
      for (const one of tracked) aggregator.updateSession(one)
      return aggregator.computeProgress(plan(sessions, config)).estimatedTimeRemaining
    }
    const a = ['a', 'completed']

    test('is unknown before the first completion, and 0 at the end', () => {
      expect(remaining([['a', 'pending']], [])).toBe(undefined)
      expect(remaining([a], [done('a', 100)])).toBe(0)
    })

    test('is that of the plan', () => {
      const tracked = [done('a', 100)]
      expect(remaining([a, ['b', 'pending'], ['c', 'pending']], tracked)).toBe(100)
      expect(remaining([a, ['b', 'pending'], ['c', 'pending']], tracked, { maxConcurrentSessions: 1 })).toBe(
        200,
      )
      expect(remaining([a, ['b', 'pending', ['a']], ['c', 'pending', ['b']]], tracked)).toBe(200)
      expect(remaining([a, ['b', 'paused']], tracked)).toBe(100)
      expect(remaining([a, ['d', 'completed'], ['b', 'pending']], [done('a', 100), done('d', 300)])).toBe(200)
    })

    test('heeds the finer rules of concurrency', () => {
      const concurrency = { ...sg.DEFAULT_CONCURRENCY_CONFIG, maxConcurrent: 1 }
      const sessions = [a, ['b', 'pending'], ['c', 'pending', ['b']]]
      expect(remaining(sessions, [done('a', 100)], { concurrency })).toBe(200)
      const free = { ...sg.DEFAULT_CONCURRENCY_CONFIG, respectDependencies: false }
      expect(remaining(sessions, [done('a', 100)], { concurrency: free })).toBe(100)
    })

    test('takes off what a running session has spent', () => {
      const running = progress('b', { durationMs: 30 })
      expect(remaining([a, ['b', 'active'], ['c', 'pending', ['b']]], [done('a', 100), running])).toBe(170)
      const late = progress('b', { durationMs: 500 })
      expect(remaining([a, ['b', 'active']], [done('a', 100), late])).toBe(0)
    })

    test('counts the runs before the newest one', () => {
      const times = { startedAt: TIME, completedAt: '2026-01-15T10:30:10.000Z' }
      const stored = (changes) => {
        const sessions = [
          // Worked for 600 s, was killed, and was resumed for 10 s.
          makeSession({ id: 'a', status: 'completed', ...times, runMs: 610_000 }),
          makeSession({ id: 'b', dependsOn: ['a'], ...changes }),
        ]
        return makeGroup({ sessions })
      }
      const left = (group, aggregator = new sg.ProgressAggregator()) =>
        aggregator.computeProgress(group).estimatedTimeRemaining
      expect(left(stored({}))).toBe(610_000)
      const startedAt = new Date(Date.now() - 10_000).toISOString()
      const active = stored({ status: 'active', startedAt, runMs: 300_000 })
      const aggregator = new sg.ProgressAggregator()
      aggregator.updateSession(sg.createSessionProgress(active.sessions[1]))
      for (const remaining of [left(active), left(active, aggregator)]) {
        expect(remaining).toBeLessThanOrEqual(300_000)
        expect(remaining).toBeGreaterThan(270_000)
      }
    })

    test('leaves out what can never start', () => {
      const tracked = [done('a', 100)]
      expect(remaining([a, ['b', 'failed'], ['c', 'pending', ['b']], ['d', 'pending', ['c']]], tracked)).toBe(
        0,
      )
      expect(remaining([a, ['b', 'pending', ['nowhere']]], tracked)).toBe(0)
      expect(remaining([a, ['b', 'pending', ['c']], ['c', 'pending', ['b']]], tracked)).toBe(0)
      expect(remaining([a, ['b', 'pending', ['b']]], tracked)).toBe(0)
    })
  })

  test('what is wrong is refused with its path, and changes nothing', () => {
    const aggregator = new sg.ProgressAggregator()
    aggregator.updateSession(progress('a', { cost: 1 }))
    for (const [changes, field] of [
      [{ id: undefined }, 'id'],
      [{ status: 'bogus' }, 'status'],
      [{ cost: Number.NaN }, 'cost'],
      [{ cost: -1 }, 'cost'],
      [{ cost: Number.POSITIVE_INFINITY }, 'cost'],
      [{ tokens: null }, 'tokens'],
      [{ tokens: { input: -1, output: 0 } }, 'tokens.input'],
      [{ tokens: { input: 0, output: 0, cacheRead: 'x' } }, 'tokens.cacheRead'],
      [{ messageCount: 1.5 }, 'messageCount'],
      [{ currentTool: 5 }, 'currentTool'],
      [{ durationMs: -5 }, 'durationMs'],
    ]) {
      const error = thrown(() => aggregator.updateSession(progress('a', changes)))
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field })
    }
    for (const bad of [undefined, null, 5, 'x']) {
      expect(thrown(() => aggregator.updateSession(bad)).code).toBe('INVALID_ARGUMENT')
      expect(thrown(() => aggregator.removeSession({ bad })).code).toBe('INVALID_ARGUMENT')
      expect(thrown(() => aggregator.computeProgress(bad)).code).toBe('INVALID_ARGUMENT')
    }
    const group = makeGroup({ sessions: [makeSession({ status: 'bogus' })] })
    expect(thrown(() => aggregator.computeProgress(group)).field).toBe('sessions[0].status')
    for (const bad of [Number.NaN, 'x', null, new Date()]) {
      expect(thrown(() => new sg.ProgressAggregator(bad)).field).toBe('groupStartTime')
    }
    expect(aggregator.summary()).toMatchObject({ running: 1, totalCost: 1 })
  })
})
