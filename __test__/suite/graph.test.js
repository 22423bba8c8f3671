// The dependency graph, as the original's programs use it, and its own methods.

const sg = require('../..')
const { makeSession, thrown } = require('./helpers')

const session = (id, dependsOn = [], status = 'pending') => makeSession({ id, dependsOn, status })
const ids = (sessions) => sessions.map(({ id }) => id)
const ready = (graph) => ids(graph.getReadySessions())
const blocked = (graph) => graph.getBlockedSessions().map(({ session, waitingOn }) => [session.id, waitingOn])
const unreachable = (graph) => graph.unreachable().map(({ session, because }) => [session.id, because])

/** A graph of sessions given as `{ id: dependsOn }`. */
const graphOf = (dependencies) =>
  new sg.DependencyGraph(Object.entries(dependencies).map(([id, dependsOn]) => session(id, dependsOn)))

describe('a graph', () => {
  test('starts with the sessions that depend on no other', () => {
    const graph = graphOf({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'] })
    expect(ready(graph)).toEqual(['a'])
    expect(graph.getRemainingCount()).toBe(4)
    expect([graph.getCompleted().size, graph.getFailed().size]).toEqual([0, 0])
    expect(graph.hasCycles()).toBe(false)
  })

  test('can be empty', () => {
    const graph = new sg.DependencyGraph([])
    expect(graph.hasCycles()).toBe(false)
    expect(graph.getRemainingCount()).toBe(0)
    for (const list of [graph.getReadySessions(), graph.getBlockedSessions(), graph.unreachable()])
      expect(list).toEqual([])
    expect([graph.waves(), graph.criticalPath()]).toEqual([[], []])
  })

  test('returns the longest chain first, then the group’s order', () => {
    const graph = graphOf({
      single: [],
      short: [],
      shorter: ['short'],
      long: [],
      b: ['long'],
      c: ['b'],
      last: [],
    })
    expect(ready(graph)).toEqual(['long', 'short', 'single', 'last'])
    graph.markCompleted('long')
    expect(ready(graph)).toEqual(['short', 'b', 'single', 'last'])
  })

  test('does not count what has completed in a chain', () => {
    const sessions = [session('a'), session('b'), session('c', ['b']), session('d', ['a'], 'completed')]
    expect(ready(new sg.DependencyGraph(sessions))).toEqual(['b', 'a'])
  })

  test('returns the objects that it was given', () => {
    const sessions = [session('a'), session('b', ['a', 'gone'])]
    const graph = new sg.DependencyGraph(sessions)
    const [first, second] = sessions
    // Changes of the array are not seen.
    sessions.reverse()
    expect(graph.getReadySessions()[0]).toBe(first)
    expect(graph.getBlockedSessions()[0].session).toBe(second)
    expect(graph.unreachable()[0].session).toBe(second)
  })

  test('reads three fields, once', () => {
    const read = []
    const watched = new Proxy(session('a'), {
      get: (target, key) => {
        read.push(key)
        return target[key]
      },
    })
    const graph = new sg.DependencyGraph([watched])
    expect(new Set(read)).toEqual(new Set(['id', 'dependsOn', 'status']))
    read.length = 0
    graph.markStarted('a')
    graph.getReadySessions()
    graph.waves()
    expect(read).toEqual([])
    expect(ready(new sg.DependencyGraph([{ id: 'a', dependsOn: [], status: 'pending' }]))).toEqual(['a'])
  })

  test('has the results of the realm in which it is used', () => {
    const graph = graphOf({ a: [], b: ['a', 'gone'] })
    const lists = [graph.getReadySessions(), graph.getBlockedSessions(), graph.unreachable(), graph.waves()]
    for (const list of [...lists, graph.criticalPath(), graph.waves()[0], graph.unreachable()[0].because])
      expect(Object.getPrototypeOf(list)).toBe(Array.prototype)
    expect(graph.getCompleted() instanceof Set).toBe(true)
  })

  test('can be extended', () => {
    class Mine extends sg.DependencyGraph {
      ids() {
        return ids(this.getReadySessions())
      }
    }
    expect(new Mine([session('a')]).ids()).toEqual(['a'])
    expect(new Mine([]) instanceof sg.DependencyGraph).toBe(true)
    expect(() => sg.DependencyGraph([])).toThrow(TypeError)
  })
})

describe('a mark', () => {
  test('of a completed session makes those ready that waited for it alone', () => {
    const graph = graphOf({ a: [], b: [], c: ['a', 'b'], d: ['a'] })
    graph.markCompleted('a')
    expect(ready(graph)).toEqual(['b', 'd'])
    graph.markCompleted('b')
    expect(ready(graph)).toEqual(['c', 'd'])
    expect(graph.getRemainingCount()).toBe(2)
    expect([...graph.getCompleted()]).toEqual(['a', 'b'])
  })

  test('of a failed session makes none ready', () => {
    const graph = graphOf({ a: [], b: ['a'] })
    graph.markFailed('a')
    expect(ready(graph)).toEqual([])
    expect(blocked(graph)).toEqual([['b', ['a']]])
    expect([[...graph.getFailed()], graph.getRemainingCount()]).toEqual([['a'], 1])
  })

  test('replaces an earlier one', () => {
    const graph = graphOf({ a: [], b: ['a'] })
    const [completed, failed] = [graph.getCompleted(), graph.getFailed()]
    graph.markFailed('a')
    graph.markCompleted('a')
    // The sets are live.
    expect([completed.has('a'), failed.has('a'), ready(graph)]).toEqual([true, false, ['b']])
    graph.markFailed('a')
    expect([completed.has('a'), failed.has('a'), ready(graph)]).toEqual([false, true, []])
    graph.markStarted('a')
    expect([completed.has('a'), failed.has('a'), ready(graph)]).toEqual([false, false, []])
    expect([graph.getRemainingCount(), unreachable(graph)]).toEqual([2, []])
    graph.markCompleted('a')
    graph.markCompleted('a')
    expect([graph.getRemainingCount(), ready(graph)]).toEqual([1, ['b']])
  })

  test('of a started session makes it ready no longer', () => {
    const graph = graphOf({ a: [], b: [] })
    graph.markStarted('a')
    expect([ready(graph), graph.getRemainingCount()]).toEqual([['b'], 2])
  })

  test('of an unknown id counts', () => {
    const graph = graphOf({ a: [], b: ['a', 'gone'] })
    expect(blocked(graph)).toEqual([['b', ['a', 'gone']]])
    graph.markCompleted('a')
    expect(ready(graph)).toEqual([])
    graph.markCompleted('gone')
    expect(ready(graph)).toEqual(['b'])
    graph.markFailed('elsewhere')
    graph.markStarted('nowhere')
    expect([[...graph.getCompleted()], [...graph.getFailed()]]).toEqual([['a', 'gone'], ['elsewhere']])
    expect(graph.getRemainingCount()).toBe(1)
  })

  test('needs an id', () => {
    const graph = graphOf({ a: [] })
    for (const mark of ['markStarted', 'markCompleted', 'markFailed'])
      for (const id of [undefined, null, 5, session('a')])
        expect(thrown(() => graph[mark](id))).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'sessionId' })
    expect([graph.getCompleted().size, graph.getFailed().size, ready(graph)]).toEqual([0, 0, ['a']])
  })
})

describe('a stored group', () => {
  test('is continued', () => {
    const graph = new sg.DependencyGraph([
      session('done', [], 'completed'),
      session('broken', [], 'failed'),
      session('running', [], 'active'),
      session('next', ['done']),
      session('later', ['running']),
      session('never', ['done', 'broken']),
    ])
    expect(ready(graph)).toEqual(['next'])
    expect(blocked(graph)).toEqual([
      ['later', ['running']],
      ['never', ['broken']],
    ])
    expect(unreachable(graph)).toEqual([['never', ['broken']]])
    expect([[...graph.getCompleted()], [...graph.getFailed()]]).toEqual([['done'], ['broken']])
    expect(graph.getRemainingCount()).toBe(4)
  })

  test.each(['active', 'paused', 'running', '', undefined, null, 5, {}])(
    'with the status %p has a session that is not pending',
    (status) => {
      const graph = new sg.DependencyGraph([session('a'), { ...session('b', ['a']), status }])
      expect([ready(graph), blocked(graph)]).toEqual([['a'], []])
      expect(graph.getRemainingCount()).toBe(2)
    },
  )
})

describe('a session that cannot start', () => {
  test('has the causes that are furthest away', () => {
    const graph = graphOf({ a: [], b: [], c: ['a'], d: ['c', 'b'], e: ['d', 'gone'], f: [] })
    expect(unreachable(graph)).toEqual([['e', ['gone']]])
    graph.markFailed('b')
    graph.markFailed('a')
    expect(unreachable(graph)).toEqual([
      ['c', ['a']],
      ['d', ['a', 'b']],
      ['e', ['a', 'b', 'gone']],
    ])
    expect(ready(graph)).toEqual(['f'])
    graph.markCompleted('b')
    expect(unreachable(graph).map(([id]) => id)).toEqual(['c', 'd', 'e'])
    graph.markStarted('a')
    expect(unreachable(graph)).toEqual([['e', ['gone']]])
  })
})

describe('a plan', () => {
  const dependencies = { api: [], lint: [], web: ['api'], cli: ['api'], docs: ['cli', 'web', 'web'] }

  test('comes in waves', () => {
    const graph = graphOf(dependencies)
    expect(graph.waves()).toEqual([['api', 'lint'], ['web', 'cli'], ['docs']])
    graph.markStarted('api')
    expect(graph.waves()).toEqual([['api', 'lint'], ['web', 'cli'], ['docs']])
    graph.markCompleted('api')
    expect(graph.waves()).toEqual([['lint', 'web', 'cli'], ['docs']])
    graph.markFailed('cli')
    expect(graph.waves()).toEqual([['lint', 'web']])
  })

  test('has a longest chain', () => {
    const graph = graphOf(dependencies)
    expect(graph.criticalPath()).toEqual(['api', 'web', 'docs'])
    expect(graph.criticalPath({ cli: 5 })).toEqual(['api', 'cli', 'docs'])
    expect(graph.criticalPath({ lint: 10, gone: 99 })).toEqual(['lint'])
    expect(graph.criticalPath({ api: 0, web: 0, docs: 0, cli: 0, lint: 0.5 })).toEqual(['lint'])
    graph.markCompleted('api')
    expect(graph.criticalPath()).toEqual(['web', 'docs'])
    // Names of the language's own properties are ids like any other.
    expect(graphOf({ constructor: [], toString: ['constructor'] }).criticalPath({})).toEqual([
      'constructor',
      'toString',
    ])
  })

  test.each([
    [null, 'weights', 'weights must be an object, but is null'],
    [[1], 'weights', 'weights must be an object, but is an array'],
    [{ api: -1 }, 'weights.api', 'weights.api must be a finite number of 0 or more, but is -1'],
    [{ api: '1' }, 'weights.api', 'weights.api must be a finite number of 0 or more, but is "1"'],
    [{ api: Number.NaN }, 'weights.api', 'weights.api must be a finite number of 0 or more, but is NaN'],
  ])('refuses the weights %j', (weights, field, message) => {
    const error = thrown(() => graphOf(dependencies).criticalPath(weights))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field, message })
  })
})

describe('a circle', () => {
  const cycles = (dependencies) => thrown(() => graphOf(dependencies)).cycles

  test.each([
    [{ a: ['a'] }, ['a'], 'a -> a'],
    [{ a: ['b'], b: ['a'] }, ['a', 'b'], 'a -> b -> a'],
    [{ x: [], y: ['c', 'x'], c: ['a'], a: ['b'], b: ['c'] }, ['c', 'a', 'b'], 'c -> a -> b -> c'],
  ])('is an error: %j', (dependencies, cycle, shown) => {
    const error = thrown(() => graphOf(dependencies))
    expect(error instanceof sg.CircularDependencyError).toBe(true)
    expect(error).toMatchObject({ code: 'CIRCULAR_DEPENDENCY', cycle, cycles: [cycle] })
    expect(error.message).toBe(`Circular dependency detected: ${shown}. Remove one of these dependencies`)
  })

  test('is shown at its shortest, once for all that are connected', () => {
    expect(cycles({ a: ['b'], b: ['c'], c: ['a', 'b'] })).toEqual([['b', 'c']])
    expect(cycles({ a: ['b'], b: ['a', 'c'], c: ['d'], d: ['c'], e: ['e', 'd'] })).toEqual([
      ['a', 'b'],
      ['c', 'd'],
      ['e'],
    ])
  })

  test('is an error even if its sessions have completed', () => {
    const sessions = [session('a', ['b'], 'completed'), session('b', ['a'], 'completed')]
    expect(thrown(() => new sg.DependencyGraph(sessions)).code).toBe('CIRCULAR_DEPENDENCY')
  })
})

describe('an invalid list of sessions', () => {
  const throwing = Object.defineProperty(session('a'), 'status', {
    get: () => {
      throw new Error('boo')
    },
  })
  test.each([
    [undefined, 'sessions', 'sessions must be an array, but is undefined'],
    [{ length: 0 }, 'sessions', 'sessions must be an array, but is an object'],
    [new Set(), 'sessions', 'sessions must be an array, but is an object'],
    [Promise.resolve([]), 'sessions', 'sessions must be an array, but is a promise: await it'],
    [['a'], 'sessions[0]', 'sessions[0] must be an object, but is "a"'],
    [new Array(1), 'sessions[0]', 'sessions[0] must be an object, but is undefined'],
    [[session('a'), session(5)], 'sessions[1].id', 'sessions[1].id must be a string, but is 5'],
    [[{ id: 'a' }], 'sessions[0].dependsOn', 'sessions[0].dependsOn must be an array, but is undefined'],
    [[session('a', 'b')], 'sessions[0].dependsOn', 'sessions[0].dependsOn must be an array, but is "b"'],
    [
      [session('a', ['b', null])],
      'sessions[0].dependsOn[1]',
      'sessions[0].dependsOn[1] must be a string, but is null',
    ],
    [[throwing], 'sessions[0].status', 'sessions[0].status cannot be read: boo'],
  ])('is refused: %p', (sessions, field, message) => {
    const error = thrown(() => new sg.DependencyGraph(sessions))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field, message })
    expect(error instanceof sg.SessionGroupsError).toBe(true)
  })

  test('is refused if two sessions have the same id', () => {
    const error = thrown(() => new sg.DependencyGraph([session('a'), session('b'), session('a')]))
    expect(error).toMatchObject({
      code: 'INVALID_GROUP',
      field: 'sessions[2].id',
      message: 'sessions[2].id must be unique, but "a" is the id of sessions[0] too',
    })
  })
})

describe('100,000 sessions', () => {
  const many = Array.from({ length: 100_000 }, (_, index) => `s${index}`)

  test('can form a chain', () => {
    const graph = new sg.DependencyGraph(many.map((id, index) => session(id, many.slice(index - 1, index))))
    expect(ready(graph)).toEqual(['s0'])
    expect([graph.waves().length, graph.criticalPath().length]).toEqual([many.length, many.length])
    graph.markFailed('s0')
    expect(graph.unreachable().length).toBe(many.length - 1)
    for (const id of many) graph.markCompleted(id)
    expect(graph.getRemainingCount()).toBe(0)
  })

  test('can form a circle', () => {
    const circle = many.map((id, index) => session(id, [many[(index + 1) % many.length]]))
    const error = thrown(() => new sg.DependencyGraph(circle))
    expect(error.cycle).toEqual(many)
    expect(error.message).toBe(
      'Circular dependency detected: s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> s6 -> s7 -> s8 -> s9 -> (99990 more) -> s0. Remove one of these dependencies',
    )
  })
})
