const { parseGroupEvent, SessionGroupsError } = require('../..')
const { TIME, thrown } = require('./helpers')

const FIELDS = {
  group_created: { name: 'Logging', slug: 'logging', totalSessions: 2 },
  group_started: { totalSessions: 2, maxConcurrent: 3 },
  group_completed: { completedSessions: 2, failedSessions: 0, totalCostUsd: 0.5, elapsedMs: 1000 },
  group_paused: { runningSessions: 1, reason: 'budget_exceeded' },
  group_resumed: { pendingSessions: 1 },
  group_failed: { failedSessions: 1, reason: 'too many errors' },
  group_session_started: { sessionId: 's', projectPath: '/p', prompt: 'Do it' },
  group_session_completed: { sessionId: 's', status: 'failed', durationMs: 5, costUsd: 0.1 },
  group_session_failed: { sessionId: 's', error: 'exit code 1', costUsd: 0.1 },
  budget_warning: { currentUsage: 8, limit: 10, percentUsed: 80 },
  budget_exceeded: { usage: 11, limit: 10, action: 'stop' },
  dependency_waiting: { sessionId: 's', dependsOn: ['a', 'b'], pendingDependencies: ['b'] },
  dependency_resolved: { sessionId: 's', resolvedDependencies: ['b'] },
  session_progress: { sessionId: 's', messageCount: 3, currentTool: 'Bash', costUsd: 0.1 },
  group_progress: { completed: 1, running: 1, pending: 0, failed: 0, totalCostUsd: 0.5 },
}
const OPTIONAL = ['costUsd', 'currentTool']
const event = (type, changes = {}) => ({ type, timestamp: TIME, groupId: 'g', ...FIELDS[type], ...changes })
const refusal = (value) => thrown(() => parseGroupEvent(JSON.stringify(value)))

describe.each(Object.keys(FIELDS))('%s', (type) => {
  test('lone surrogates survive', () => {
    const event = {
      type: 'group_resumed',
      timestamp: '2026-01-15T10:30:00Z',
      groupId: 'g',
      pendingSessions: 1,
    }
    const text = JSON.stringify(event).replace('{', '{"x":"\ud800",')
    expect(parseGroupEvent(text).x).toBe('\ud800')
  })

  test('is read with fields that are not known', () => {
    const full = event(type, { future: [1e21, 0.1, { '\u2028': '😀' }] })
    expect(parseGroupEvent(JSON.stringify(full))).toEqual(full)
  })

  test('needs each of its fields, of its type', () => {
    for (const field of ['timestamp', 'groupId', ...Object.keys(FIELDS[type])]) {
      const without = event(type)
      delete without[field]
      if (OPTIONAL.includes(field)) expect(parseGroupEvent(JSON.stringify(without))).toEqual(without)
      else expect(refusal(without)).toMatchObject({ code: 'INVALID_EVENT', field })
      for (const wrong of [null, {}, true]) {
        expect(refusal(event(type, { [field]: wrong }))).toMatchObject({ code: 'INVALID_EVENT', field })
      }
    }
  })
})

test('a pause may have a cause from the runner', () => {
  const paused = event('group_paused', { cause: 'usage_limit' })
  expect(parseGroupEvent(JSON.stringify(paused))).toEqual(paused)
  for (const cause of ['boredom', 5, null]) {
    expect(refusal(event('group_paused', { cause }))).toMatchObject({ code: 'INVALID_EVENT', field: 'cause' })
  }
})

test('an element of the wrong type is named by its index', () => {
  expect(refusal(event('dependency_waiting', { dependsOn: ['a', 5] })).field).toBe('dependsOn[1]')
})

test('what is no event is refused', () => {
  for (const text of [
    '',
    'x',
    '[]',
    '5',
    'null',
    '{',
    '{"type":"group_resumed"',
    '{"type":"group_exploded"}',
  ]) {
    const error = thrown(() => parseGroupEvent(text))
    expect(error).toBeInstanceOf(SessionGroupsError)
    expect(error.code).toBe('INVALID_EVENT')
  }
  expect(refusal({ ...event('group_resumed'), type: 'group_exploded' }).field).toBe('type')
  expect(refusal(event('group_resumed', { pendingSessions: -1 })).field).toBe('pendingSessions')
  expect(refusal(event('group_paused', { reason: 'tired' })).field).toBe('reason')
  expect(refusal(event('group_created', { timestamp: 'soon' })).field).toBe('timestamp')
  for (const text of [undefined, null, 5, {}]) {
    expect(thrown(() => parseGroupEvent(text)).code).toBe('INVALID_ARGUMENT')
  }
})
