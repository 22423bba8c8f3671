const sg = require('../..')

const STATUSES = ['created', 'running', 'paused', 'completed', 'failed', 'archived', 'deleted']

describe('the defaults', () => {
  test('are those of the documentation', () => {
    expect(sg.DEFAULT_BUDGET_CONFIG).toEqual({
      maxBudgetUsd: 10,
      onBudgetExceeded: 'pause',
      warningThreshold: 0.8,
    })
    expect(sg.DEFAULT_CONCURRENCY_CONFIG).toEqual({
      maxConcurrent: 3,
      respectDependencies: true,
      pauseOnError: true,
      errorThreshold: 2,
    })
    expect(sg.DEFAULT_SESSION_CONFIG).toEqual({ generateClaudeMd: true, generateSettings: false })
    // In the order of the original, which shows in stored groups.
    expect(JSON.stringify(sg.DEFAULT_GROUP_CONFIG)).toBe(
      JSON.stringify({
        model: 'sonnet',
        maxBudgetUsd: 10,
        maxConcurrentSessions: 3,
        onBudgetExceeded: 'pause',
        warningThreshold: 0.8,
      }),
    )
  })

  test.each([
    'DEFAULT_BUDGET_CONFIG',
    'DEFAULT_CONCURRENCY_CONFIG',
    'DEFAULT_SESSION_CONFIG',
    'DEFAULT_GROUP_CONFIG',
  ])('%s cannot be changed', (name) => {
    expect(Object.isFrozen(sg[name])).toBe(true)
    for (const value of Object.values(sg[name])) expect(typeof value).not.toBe('object')
  })
})

describe('the status of a group', () => {
  test('is terminal when no session will run again', () => {
    expect(STATUSES.filter(sg.isTerminalGroupStatus)).toEqual(['completed', 'failed', 'deleted'])
  })

  test('can be resumed when paused, is active when running', () => {
    expect(STATUSES.filter(sg.canResumeGroup)).toEqual(['paused'])
    expect(STATUSES.filter(sg.isActiveGroup)).toEqual(['running'])
  })

  test.each([
    ['bogus'],
    ['in_progress'],
    ['Running'],
    [''],
    [undefined],
    [null],
    [5],
    [5n],
    [{}],
    [Symbol('s')],
  ])('%p is neither', (status) => {
    for (const ask of [sg.isTerminalGroupStatus, sg.canResumeGroup, sg.isActiveGroup]) {
      expect(ask(status)).toBe(false)
      expect(ask()).toBe(false)
    }
  })
})

test('nothing is exported but what is documented', () => {
  expect(Object.keys(sg).sort()).toEqual([
    'CircularDependencyError',
    'ClaudeStream',
    'ConfigGenerator',
    'DEFAULT_BUDGET_CONFIG',
    'DEFAULT_CONCURRENCY_CONFIG',
    'DEFAULT_GROUP_CONFIG',
    'DEFAULT_SESSION_CONFIG',
    'DependencyGraph',
    'FileGroupRepository',
    'GroupManager',
    'GroupRunner',
    'InMemoryGroupRepository',
    'ProgressAggregator',
    'SessionGroupsError',
    'calculateBudgetUsage',
    'canResumeGroup',
    'control',
    'createSessionProgress',
    'groupEvents',
    'isActiveGroup',
    'isBudgetExceeded',
    'isBudgetWarning',
    'isTerminalGroupStatus',
    'parseGroupEvent',
    'parseGroupFeedEvent',
  ])
})
