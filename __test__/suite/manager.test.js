// `GroupManager`, on every kind of repository: both of this package, one that wraps them, and a class with seven methods.

const { spawn } = require('node:child_process')
const { EventEmitter } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const { makeGroup, makeSession, rejection, thrown, freshDir } = require('./helpers')
const { MockClock, OwnRepository, WrappingRepository, pause } = require('./helpers/managed')
const { REPOSITORIES, TRICKY } = require('./helpers/repositories')

const KINDS = [
  ...REPOSITORIES,
  ['a class with seven methods', () => new OwnRepository()],
  ['a class that wraps a FileGroupRepository', () => new WrappingRepository(REPOSITORIES[0][1]())],
  ['a class that wraps an InMemoryGroupRepository', () => new WrappingRepository(REPOSITORIES[1][1]())],
]

describe.each(KINDS)('a manager of %s', (_, create) => {
  let clock
  let repository
  let events
  let manager

  beforeEach(() => {
    clock = new MockClock()
    repository = create()
    events = []
    manager = new sg.GroupManager({ clock }, repository, {
      emit: (type, event) => events.push([type, event]),
    })
  })

  const types = () => events.map(([type]) => type)

  test('creates groups with the time of the clock', async () => {
    const group = await manager.createGroup({ name: 'My Test Group With Spaces', description: 'For all' })
    expect(group).toEqual({
      id: '20240301-120000-my-test-group-with-s',
      name: 'My Test Group With Spaces',
      slug: 'my-test-group-with-s',
      description: 'For all',
      status: 'created',
      sessions: [],
      config: sg.DEFAULT_GROUP_CONFIG,
      createdAt: '2024-03-01T12:00:00.000Z',
      updatedAt: '2024-03-01T12:00:00.000Z',
    })
    expect(await repository.findById(group.id)).toEqual(group)
    expect(await manager.getGroup(group.id)).toEqual(group)
    expect(events).toEqual([
      [
        'group_created',
        {
          type: 'group_created',
          timestamp: group.createdAt,
          groupId: group.id,
          name: group.name,
          slug: group.slug,
          totalSessions: 0,
        },
      ],
    ])
  })

  test('numbers groups that are created at once', async () => {
    const groups = await Promise.all(
      Array.from({ length: 20 }, () => manager.createGroup({ name: '日本語' })),
    )
    const ids = [
      '20240301-120000-group',
      ...Array.from({ length: 19 }, (_, n) => `20240301-120000-group-${n + 2}`),
    ]
    expect(groups.map(({ id }) => id).sort()).toEqual(ids.sort())
    expect(await repository.count()).toBe(20)
  })

  test('does not replace a default by `undefined`', async () => {
    const config = { model: undefined, maxBudgetUsd: 20, extra: TRICKY }
    const { config: stored } = await manager.createGroup({ name: 'A', description: undefined, config })
    expect(stored).toEqual({ ...sg.DEFAULT_GROUP_CONFIG, maxBudgetUsd: 20, extra: TRICKY })
    expect(await rejection(manager.createGroup({ name: 'A', config: { maxBudgetUsd: -1 } }))).toMatchObject({
      code: 'INVALID_GROUP',
      field: 'config.maxBudgetUsd',
    })
    expect(types()).toEqual(['group_created'])
  })

  test('keeps `updatedAt` at the time of the clock', async () => {
    const { id } = await manager.createGroup({ name: 'A' })
    const times = []
    for (const change of [
      () => manager.updateGroup(id, { name: 'B' }),
      () => manager.addSession(id, makeSession()),
      () => manager.removeSession(id, '001-api'),
    ]) {
      // Not advanced before the first change.
      times.push((await change()).updatedAt)
      clock.advance(1000)
    }
    expect(times).toEqual([
      '2024-03-01T12:00:00.000Z',
      '2024-03-01T12:00:01.000Z',
      '2024-03-01T12:00:02.000Z',
    ])
  })

  test('merges fields, and removes those that are `undefined`', async () => {
    const { id } = await manager.createGroup({ name: 'A', description: 'Old' })
    const updated = await manager.updateGroup(id, {
      name: 'B',
      description: undefined,
      status: undefined,
      tricky: TRICKY,
    })
    expect(updated.description).toBeUndefined()
    expect(updated).toMatchObject({ name: 'B', status: 'created', tricky: TRICKY })
    expect(await repository.findById(id)).toEqual(updated)
    // A whole group, as programs spread it.
    expect((await manager.updateGroup(id, { ...updated, name: 'C' })).name).toBe('C')
    for (const [changes, field] of [
      [{ sessions: [makeSession()] }, 'sessions'],
      [{ slug: 'other' }, 'slug'],
      [{ createdAt: '2020-01-01T00:00:00Z' }, 'createdAt'],
    ])
      expect(await rejection(manager.updateGroup(id, changes))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field,
      })
    expect(await rejection(manager.updateGroup(id, { status: 'done' }))).toMatchObject({
      code: 'INVALID_GROUP',
      field: 'status',
    })
  })

  test('reports a changed status by one event', async () => {
    const { id } = await manager.createGroup({ name: 'A' })
    await manager.addSession(id, makeSession({ status: 'completed', cost: 0.1 }))
    await manager.addSession(id, makeSession({ id: 'b', status: 'failed', cost: 0.2 }))
    events.length = 0
    for (const status of ['running', 'paused', 'running']) await manager.updateGroup(id, { status })
    expect(types()).toEqual([])
    await manager.updateGroup(id, {
      status: 'completed',
      startedAt: '2024-03-01T12:00:00.000Z',
      completedAt: '2024-03-01T13:00:00.000Z',
    })
    await manager.updateGroup(id, { status: 'completed' })
    await manager.updateGroup(id, { status: 'failed' })
    await manager.archiveGroup(id)
    const base = { timestamp: clock.now().toISOString(), groupId: id }
    expect(events.map(([, event]) => event)).toEqual([
      {
        type: 'group_completed',
        ...base,
        completedSessions: 1,
        failedSessions: 1,
        totalCostUsd: 0.3,
        elapsedMs: 3_600_000,
      },
      { type: 'group_failed', ...base, failedSessions: 1, reason: 'Error threshold exceeded' },
    ])
    for (const [, event] of events) sg.parseGroupEvent(JSON.stringify(event))
  })

  test('does not take a group out of the archive', async () => {
    const { id } = await manager.createGroup({ name: 'A' })
    await manager.archiveGroup(id)
    await manager.archiveGroup(id)
    expect(await rejection(manager.updateGroup(id, { status: 'running' }))).toMatchObject({
      code: 'INVALID_TRANSITION',
      groupId: id,
    })
    expect((await manager.getGroup(id)).status).toBe('archived')
  })

  test('adds sessions whose dependencies exist and form no circle', async () => {
    const { id } = await manager.createGroup({ name: 'A' })
    const add = (sessionId, dependsOn) => manager.addSession(id, makeSession({ id: sessionId, dependsOn }))
    await add('a', [])
    expect((await add('b', ['a'])).sessions.map((session) => session.id)).toEqual(['a', 'b'])
    expect(await rejection(add('c', ['x']))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      field: 'dependsOn[0]',
    })
    expect(await rejection(add('b', []))).toMatchObject({ code: 'INVALID_GROUP', field: 'sessions[2].id' })
    const circular = await rejection(manager.updateSession(id, 'a', { dependsOn: ['b'] }))
    expect(circular).toBeInstanceOf(sg.CircularDependencyError)
    expect(circular.cycle).toEqual(['a', 'b'])
    const invalid = await rejection(manager.addSession(id, { ...makeSession({ id: 'c' }), prompt: 5 }))
    expect(invalid).toMatchObject({ code: 'INVALID_GROUP', field: 'sessions[2].prompt' })
    expect((await manager.getGroup(id)).sessions).toHaveLength(2)
  })

  test('removes a session that others depend on only by force', async () => {
    const { id } = await manager.createGroup({ name: 'A' })
    for (const session of makeGroup().sessions) await manager.addSession(id, session)
    const error = await rejection(manager.removeSession(id, '001-api'))
    expect(error).toMatchObject({
      code: 'INVALID_STATE',
      message: expect.stringContaining('"002-web" depends on it'),
    })
    const { sessions } = await manager.removeSession(id, '001-api', { force: true })
    expect(sessions).toMatchObject([{ id: '002-web', dependsOn: [] }])
    expect((await manager.removeSession(id, '002-web')).sessions).toEqual([])
  })

  test('updates sessions, and reports a status that is set', async () => {
    const { id } = await manager.createGroup({ name: 'A' })
    await manager.addSession(id, makeSession({ extra: TRICKY }))
    events.length = 0
    const update = (changes) => manager.updateSession(id, '001-api', changes)
    expect(await update({ prompt: 'New', model: 'opus' })).toEqual(
      makeSession({ extra: TRICKY, prompt: 'New', model: 'opus' }),
    )
    expect((await update({ model: undefined, prompt: undefined })).model).toBeUndefined()
    await update({ status: 'active' })
    const run = { startedAt: '2024-03-01T12:00:00Z', completedAt: '2024-03-01T12:00:05Z', cost: 0.5 }
    await update({ status: 'completed', ...run })
    await update({ status: 'failed' })
    await update({ status: 'paused' })
    const base = { timestamp: clock.now().toISOString(), groupId: id, sessionId: '001-api' }
    expect(events.map(([, event]) => event)).toEqual([
      { type: 'group_session_started', ...base, projectPath: '/projects/api', prompt: 'New' },
      { type: 'group_session_completed', ...base, status: 'completed', durationMs: 5000, costUsd: 0.5 },
      { type: 'group_session_failed', ...base, error: 'Session failed', costUsd: 0.5 },
    ])
    for (const [, event] of events) sg.parseGroupEvent(JSON.stringify(event))
  })

  test('names what does not exist', async () => {
    const { id } = await manager.createGroup({ name: 'A' })
    events.length = 0
    for (const [call, message] of [
      [() => manager.updateGroup('none', {}), 'Group not found: none'],
      [() => manager.archiveGroup('none'), 'Group not found: none'],
      [() => manager.deleteGroup('none'), 'Group not found: none'],
      [() => manager.addSession('none', makeSession()), 'Group not found: none'],
      [() => manager.removeSession('none', 'x'), 'Group not found: none'],
      [() => manager.removeSession(id, 'x'), 'Session not found in group: x'],
      [() => manager.updateSession('none', 'x', {}), 'Group or session not found: none/x'],
      [() => manager.updateSession(id, 'x', {}), `Group or session not found: ${id}/x`],
    ]) {
      const error = await rejection(call())
      expect(error).toBeInstanceOf(sg.SessionGroupsError)
      expect(error).toMatchObject({ code: 'NOT_FOUND', message })
    }
    expect(await manager.getGroup('none')).toBeNull()
    expect(events).toEqual([])
  })

  test('deletes a group and says so', async () => {
    const { id } = await manager.createGroup({ name: 'A' })
    clock.advance(1000)
    await manager.deleteGroup(id)
    expect(await manager.getGroup(id)).toBeNull()
    expect(events.at(-1)).toEqual([
      'group_deleted',
      { type: 'group_deleted', timestamp: '2024-03-01T12:00:01.000Z', groupId: id },
    ])
  })

  test('lists groups', async () => {
    const [a] = [await manager.createGroup({ name: 'A' }), await manager.createGroup({ name: 'B' })]
    await manager.updateGroup(a.id, { status: 'running' })
    expect(await manager.listGroups()).toHaveLength(2)
    expect((await manager.listGroups({ status: 'running' })).map(({ id }) => id)).toEqual([a.id])
  })

  test('keeps all of 200 changes that are made at once', async () => {
    const { id } = await manager.createGroup({ name: 'A' })
    const another = new sg.GroupManager({ clock }, repository)
    await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        (n % 2 ? manager : another).addSession(id, makeSession({ id: `s${n}` })),
      ),
    )
    const renamed = manager.updateGroup(id, { name: 'Renamed' })
    const updates = Array.from({ length: 100 }, (_, n) => manager.updateSession(id, `s${n}`, { cost: n }))
    const removals = Array.from({ length: 99 }, (_, n) => another.removeSession(id, `s${n + 100}`))
    await Promise.all([renamed, ...updates, ...removals])
    const group = await manager.getGroup(id)
    expect(group.name).toBe('Renamed')
    expect(group.sessions.map((session) => session.id)).toHaveLength(101)
    expect(group.sessions.filter(({ cost }) => cost !== undefined)).toHaveLength(100)
  })

  test('emits each event after its change was stored', async () => {
    const seen = []
    const emitter = new EventEmitter()
    for (const type of ['group_created', 'group_session_started', 'group_deleted'])
      emitter.on(type, ({ groupId }) => seen.push(repository.findById(groupId)))
    const observed = new sg.GroupManager({ clock }, repository, emitter)
    const { id } = await observed.createGroup({ name: 'A' })
    await observed.addSession(id, makeSession())
    await observed.updateSession(id, '001-api', { status: 'active' })
    // Read before the deletion.
    const [created, started] = await Promise.all(seen)
    await observed.deleteGroup(id)
    expect(created.id).toBe(id)
    expect(started.sessions[0].status).toBe('active')
    expect(await seen[2]).toBeNull()
  })

  test('takes what it is given at the time of the call', async () => {
    const { id } = await manager.createGroup({ name: 'A' })
    const session = makeSession()
    const added = manager.addSession(id, session)
    session.id = 'changed'
    expect((await added).sessions[0].id).toBe('001-api')
  })
})

test('a repository with `update` gets every change through it', async () => {
  const repository = new WrappingRepository(new sg.InMemoryGroupRepository())
  const manager = new sg.GroupManager(undefined, repository)
  const { id } = await manager.createGroup({ name: 'A' })
  repository.calls.length = 0
  await manager.updateGroup(id, { name: 'B' })
  await manager.addSession(id, makeSession())
  await manager.updateSession(id, '001-api', { status: 'active' })
  await manager.removeSession(id, '001-api')
  await manager.archiveGroup(id)
  expect(repository.calls).toEqual(Array(5).fill('update'))
})

test('no change is lost between two repositories on one store', async () => {
  const directory = freshDir()
  const managers = [1, 2].map(
    () => new sg.GroupManager(undefined, new sg.FileGroupRepository(directory, { durability: 'process' })),
  )
  const { id } = await managers[0].createGroup({ name: 'A' })
  const add = (n) => managers[n % 2].addSession(id, makeSession({ id: `s${n}` }))
  await Promise.all(Array.from({ length: 100 }, (_, n) => add(n)))
  expect((await managers[1].getGroup(id)).sessions).toHaveLength(100)
})

describe('a group that another process runs', () => {
  const onLinux = process.platform === 'linux' ? test : test.skip

  /** Holds the lock of a group's run, as a runner does; gives the function that frees it. */
  const runElsewhere = async (directory, id) => {
    const file = path.join(directory, '.locks', `run-${id}`)
    const runner = { pid: 4711, startTime: '1', bootId: 'b', host: 'elsewhere', at: new Date().toISOString() }
    fs.writeFileSync(file, JSON.stringify(runner))
    const child = spawn('flock', [file, 'sh', '-c', 'echo held; read line'])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    return () => new Promise((freed) => child.once('close', freed) && child.stdin.end())
  }

  onLinux('is neither deleted nor given another status, and can be changed otherwise', async () => {
    const directory = freshDir()
    const repository = new sg.FileGroupRepository(directory, { durability: 'process' })
    const manager = new sg.GroupManager(undefined, repository)
    const { id } = await manager.createGroup({ name: 'A' })
    await manager.addSession(id, makeSession())
    const free = await runElsewhere(directory, id)
    const refused = {
      code: 'INVALID_TRANSITION',
      groupId: id,
      message: expect.stringContaining('process 4711 on elsewhere'),
    }
    expect(await rejection(manager.updateGroup(id, { status: 'paused' }))).toMatchObject(refused)
    expect(await rejection(manager.archiveGroup(id))).toMatchObject(refused)
    expect(await rejection(manager.updateSession(id, '001-api', { status: 'active' }))).toMatchObject(refused)
    expect(await rejection(manager.deleteGroup(id))).toMatchObject({
      code: 'ALREADY_RUNNING',
      groupId: id,
      message: expect.stringContaining('process 4711 on elsewhere'),
    })
    // Nothing changes here, so that a runner is not disturbed.
    await manager.updateGroup(id, { status: 'created', name: 'B' })
    await manager.updateSession(id, '001-api', { prompt: 'Other' })
    await manager.addSession(id, makeSession({ id: 'b' }))
    await free()
    await manager.updateGroup(id, { status: 'paused' })
    await manager.deleteGroup(id)
    expect(fs.readdirSync(directory).filter((name) => !name.startsWith('.'))).toEqual([])
    expect(fs.readdirSync(path.join(directory, '.locks')).filter((name) => name.startsWith('run-'))).toEqual(
      [],
    )
  })

  test.each([
    ['a class with seven methods', () => new OwnRepository()],
    ['an InMemoryGroupRepository', () => new sg.InMemoryGroupRepository()],
  ])('is known by its record in %s', async (_, create) => {
    const clock = new MockClock()
    const repository = create()
    const manager = new sg.GroupManager({ clock }, repository)
    const { id } = await manager.createGroup({ name: 'A' })
    const at = clock.now().toISOString()
    await manager.updateGroup(id, {
      runner: { pid: 4711, startTime: '1', bootId: 'b', host: 'elsewhere', at },
    })
    clock.advance(59_000)
    expect((await rejection(manager.archiveGroup(id))).code).toBe('INVALID_TRANSITION')
    expect((await rejection(manager.deleteGroup(id))).code).toBe('ALREADY_RUNNING')
    // A record of another machine that is not renewed for a minute has lost its process.
    clock.advance(2_000)
    await manager.archiveGroup(id)
    await manager.deleteGroup(id)
    expect(await repository.findById(id)).toBeNull()
  })
})

test('a subclass of FileGroupRepository gets its own `delete` called, and a failure of it frees the group', async () => {
  class Careful extends sg.FileGroupRepository {
    isLocked = true

    async delete(id) {
      if (this.isLocked) throw new Error('locked')
      return super.delete(id)
    }
  }
  const repository = new Careful(freshDir(), { durability: 'process' })
  const manager = new sg.GroupManager(undefined, repository)
  const { id } = await manager.createGroup({ name: 'A' })
  expect((await rejection(manager.deleteGroup(id))).message).toBe('locked')
  repository.isLocked = false
  await manager.deleteGroup(id)
  expect(await repository.findById(id)).toBeNull()
})

test('a taken id that is found only by the save is skipped', async () => {
  const inner = new sg.InMemoryGroupRepository()
  const clock = new MockClock()
  const { id } = await new sg.GroupManager({ clock }, inner).createGroup({ name: 'A' })
  const late = new WrappingRepository(inner)
  late.findById = async () => null
  expect((await new sg.GroupManager({ clock }, late).createGroup({ name: 'A' })).id).toBe(`${id}-2`)
})

test('an error of a listener is reported, and the change stands', async () => {
  const { emitWarning } = process
  const warnings = []
  process.emitWarning = (message, { code }) => warnings.push([message.split('\n')[0], code])
  try {
    const repository = new sg.InMemoryGroupRepository()
    for (const emit of [
      () => {
        throw new Error('broken')
      },
      async () => {
        throw new Error('broken')
      },
    ]) {
      const manager = new sg.GroupManager(undefined, repository, { emit })
      const group = await manager.createGroup({ name: 'A' })
      expect(await repository.findById(group.id)).toEqual(group)
      // It is reported once for each emitter.
      await manager.createGroup({ name: 'B' })
    }
    await pause()
    const warning = ['A handler of group_created failed: Error: broken', 'SESSION_GROUPS_HANDLER']
    expect(warnings).toEqual([warning, warning])
  } finally {
    process.emitWarning = emitWarning
  }
})

test('errors of the repository are passed on, and nothing is emitted', async () => {
  const events = []
  const repository = new WrappingRepository(new sg.InMemoryGroupRepository())
  const manager = new sg.GroupManager(undefined, repository, { emit: (...event) => events.push(event) })
  const { id } = await manager.createGroup({ name: 'A' })
  events.length = 0
  const mine = new Error('mine')
  for (const name of ['update', 'delete', 'save'])
    repository[name] = async () => {
      throw mine
    }
  for (const call of [
    () => manager.updateGroup(id, { status: 'completed' }),
    () => manager.deleteGroup(id),
    () => manager.createGroup({ name: 'B' }),
  ])
    expect(await rejection(call())).toBe(mine)
  expect(events).toEqual([])
})

test('a repository whose `update` ignores the function is refused', async () => {
  const repository = new WrappingRepository(new sg.InMemoryGroupRepository())
  const manager = new sg.GroupManager(undefined, repository)
  const { id } = await manager.createGroup({ name: 'A' })
  repository.update = async (groupId, changes) => ({ ...(await repository.findById(groupId)), ...changes })
  expect((await rejection(manager.updateGroup(id, { name: 'B' }))).code).toBe('UNSUPPORTED')
})

test('a repository that returns something else than a group is named', async () => {
  const repository = new OwnRepository()
  const manager = new sg.GroupManager(undefined, repository)
  repository.findById = async () => ({ ...makeGroup(), status: 'done' })
  expect(await rejection(manager.updateGroup('x', { name: 'B' }))).toMatchObject({
    code: 'INVALID_GROUP',
    field: 'status',
  })
})

test('arguments of the wrong type are INVALID_ARGUMENT', async () => {
  const repository = new sg.InMemoryGroupRepository()
  for (const args of [[], [null, repository], [{}, 5], [{}, repository, 5]])
    expect(thrown(() => new sg.GroupManager(...args)).code).toBe('INVALID_ARGUMENT')
  for (const [args, field] of [
    [[{}, {}], 'repository'],
    [[repository], 'repository'],
    [[{ clock: 5 }, repository], 'container.clock'],
    [[{}, repository, {}], 'eventEmitter'],
  ])
    expect(thrown(() => new sg.GroupManager(...args))).toMatchObject({ code: 'INVALID_ARGUMENT', field })
  const manager = new sg.GroupManager({}, repository)
  const { id } = await manager.createGroup({ name: 'A' })
  for (const [call, field] of [
    [() => manager.createGroup(), 'options'],
    [() => manager.createGroup({}), 'name'],
    [() => manager.createGroup({ name: 'A', description: 5 }), 'description'],
    [() => manager.createGroup({ name: 'A', config: 5 }), 'config'],
    [() => manager.updateGroup(id), 'changes'],
    [() => manager.updateGroup(id, { name: () => {} }), 'name'],
    [() => manager.addSession(id), 'session'],
    [() => manager.removeSession(id), 'sessionId'],
    [() => manager.removeSession(id, 'a', { force: 1 }), 'force'],
    [() => manager.removeSession(id, 'a', { forced: true }), 'forced'],
    [() => manager.updateSession(id, 'a'), 'changes'],
    [() => manager.updateGroup(5, {}), 'id'],
    [() => manager.deleteGroup(5), 'groupId'],
  ])
    expect(await rejection(call())).toMatchObject({ code: 'INVALID_ARGUMENT', field })
  for (const time of [5, new Date(Number.NaN), 'now']) {
    const broken = new sg.GroupManager({ clock: { now: () => time } }, repository)
    expect((await rejection(broken.createGroup({ name: 'A' }))).code).toBe('INVALID_ARGUMENT')
  }
})

test('a group is not created for ever if a repository has every id already', async () => {
  const repository = new OwnRepository()
  repository.findById = async (id) => makeGroup({ id })
  const error = await rejection(new sg.GroupManager(undefined, repository).createGroup({ name: 'A' }))
  expect(error).toMatchObject({ code: 'INVALID_STATE', message: expect.stringContaining('too many groups') })
})
