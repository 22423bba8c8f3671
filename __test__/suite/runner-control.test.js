// Requests to the runner of a group, and plans of what it would do, on every kind of repository.

const sg = require('../..')
const { freshDir, rejection } = require('./helpers')
const {
  eventually,
  goesOn,
  groupOf,
  prepare,
  ProcessManager,
  RUN_FROM,
  running,
} = require('./helpers/runner')

running.each(RUN_FROM)('on %s', (_, createRepository) => {
  const prepared = (group, act) => prepare(createRepository(), group, act)

  test('a request reaches the runner through the stored group', async () => {
    const { runner, repository, manager, stored } = await prepared(groupOf({ a: [], b: ['a'] }), goesOn)
    const run = runner.run('20260115-103000-logging')
    const child = await manager.reaches(1)
    const options = { drain: true, reason: 'deployment', by: 'me' }
    expect(await sg.control(repository, '20260115-103000-logging', 'pause', options)).toBe(true)
    expect((await stored()).control).toMatchObject({ request: 'pause', ...options, seq: 1 })
    child.exit(0)
    await run
    expect(runner.getState()).toBe('paused')
    expect(await stored()).toMatchObject({
      status: 'paused',
      controlSeen: 1,
      sessions: [{ status: 'completed' }, {}],
    })
  })

  test('a request can concern one session, and raise the budget', async () => {
    const original = groupOf({ a: [], b: [] })
    const { runner, repository, manager, stored } = await prepared(original, goesOn)
    const run = runner.run(original.id)
    await manager.reaches(2)
    await sg.control(repository, original.id, 'pause', { sessions: ['b'] })
    await eventually(async () => (await stored()).sessions[1].status === 'paused')
    expect(await sg.control(repository, original.id, 'resume', { sessions: ['b'], budget: 50 })).toBe(true)
    await manager.reaches(3)
    for (const { child } of manager.spawned) child.exit(0)
    await run
    expect(await stored()).toMatchObject({ status: 'completed', config: { maxBudgetUsd: 50 } })
  })

  test('failed sessions are retried by the runner that runs the group', async () => {
    const { runner, repository, manager, recorder, stored } = await prepared(
      groupOf({ a: [], b: [] }),
      goesOn,
    )
    const run = runner.run('20260115-103000-logging')
    await manager.reaches(2)
    const [first, second] = manager.spawned.map(({ child }) => child)
    first.exit(1)
    await eventually(() => recorder.of('group_session_failed').length === 1)
    await new sg.GroupRunner({ processManager: new ProcessManager() }, repository).retry(
      '20260115-103000-logging',
    )
    ;(await manager.reaches(3)).exit(0)
    second.exit(0)
    await run
    expect((await stored()).sessions.map(({ status }) => status)).toEqual(['completed', 'completed'])
  })

  test('requests at the same time are all carried out', async () => {
    const { runner, repository, manager, stored } = await prepared(groupOf({ a: [], b: [], c: [] }), goesOn)
    const run = runner.run('20260115-103000-logging')
    await manager.reaches(3)
    const sessions = ['a', 'b', 'c']
    const requests = sessions.map((id) =>
      sg.control(repository, '20260115-103000-logging', 'pause', { sessions: [id] }),
    )
    expect(await Promise.all(requests)).toEqual([true, true, true])
    await run
    expect((await stored()).sessions.map(({ status }) => status)).toEqual(['paused', 'paused', 'paused'])
  })

  test('a request that needs a runner is rejected without one', async () => {
    const { repository, stored } = await prepared(groupOf({ a: [] }))
    for (const request of ['resume', 'retry'])
      expect(await rejection(sg.control(repository, '20260115-103000-logging', request))).toMatchObject({
        code: 'INVALID_STATE',
        message: expect.stringContaining(request),
      })
    expect(await rejection(sg.control(repository, 'none', 'pause'))).toMatchObject({ code: 'NOT_FOUND' })
    expect((await stored()).status).toBe('created')
  })

  test('a retry by a handler of the failure runs the failed sessions again', async () => {
    const { runner, manager, stored } = await prepared(groupOf({ a: [] }), (child, count) =>
      child.exit(count === 1 ? 1 : 0),
    )
    let retried
    runner.once('group_failed', () => {
      retried = runner.retry('20260115-103000-logging', { sessions: ['a'] })
    })
    await runner.run('20260115-103000-logging')
    await retried
    expect([runner.getState(), (await stored()).status]).toEqual(['completed', 'completed'])
    expect(manager.spawned.length).toBe(2)
  })

  test('a retry by another runner at the end of a run runs the failed sessions again', async () => {
    const { runner, repository, stored } = await prepared(groupOf({ a: [] }), (child) => child.exit(1))
    const other = new sg.GroupRunner({ processManager: new ProcessManager() }, repository)
    let retried
    runner.on('group_failed', () => {
      retried = other.retry('20260115-103000-logging')
    })
    await runner.run('20260115-103000-logging')
    await retried
    expect([other.getState(), (await stored()).status]).toEqual(['completed', 'completed'])
  })

  test('a retry by another runner at the beginning of a run runs the failed sessions again', async () => {
    const { runner, repository, stored } = await prepared(groupOf({ a: [] }), (child, count) =>
      child.exit(count === 1 ? 1 : 0),
    )
    await runner.run('20260115-103000-logging')
    const run = runner.run('20260115-103000-logging')
    const other = new sg.GroupRunner({ processManager: new ProcessManager() }, repository)
    await Promise.all([run, other.retry('20260115-103000-logging')])
    await eventually(async () => (await stored()).status === 'completed')
  })

  test('a manager of the same process leaves the status of a running group to its runner', async () => {
    const { runner, manager, repository, stored } = await prepare(
      createRepository(),
      groupOf({ a: [], b: ['a'] }),
      goesOn,
    )
    const id = '20260115-103000-logging'
    const emitted = []
    const groups = new sg.GroupManager(undefined, repository, { emit: (type) => emitted.push(type) })
    const run = runner.run(id)
    const child = await manager.reaches(1)
    const refused = { code: 'INVALID_TRANSITION', message: expect.stringContaining('run by this process') }
    expect(await rejection(groups.archiveGroup(id))).toMatchObject(refused)
    expect(await rejection(groups.updateGroup(id, { status: 'completed' }))).toMatchObject(refused)
    expect(await rejection(groups.updateSession(id, 'b', { status: 'completed' }))).toMatchObject(refused)
    expect(emitted).toEqual([])
    await groups.updateGroup(id, { description: 'new' })
    await groups.updateSession(id, 'b', { prompt: 'Other' })
    await groups.addSession(id, { ...(await stored()).sessions[1], id: 'c' })
    // A handler of the last event may change it.
    runner.on('group_completed', () => groups.archiveGroup(id))
    child.exit()
    for (const count of [2, 3]) (await manager.reaches(count)).exit()
    await run
    await eventually(async () => (await stored()).status === 'archived')
    expect(await stored()).toMatchObject({ description: 'new', sessions: [{}, { prompt: 'Other' }, {}] })
  })

  test('a plan shows what a run would do, and does nothing', async () => {
    const { runner, manager, stored, group } = await prepared(groupOf({ a: [], b: ['a'], c: ['missing'] }))
    const plan = await runner.plan(group.id, { maxConcurrent: 1 })
    expect(plan).toMatchObject({
      groupId: group.id,
      waves: [['a'], ['b']],
      sessions: [
        { id: 'a', wave: 0, cwd: '/path/a', shareUsd: 10 },
        { id: 'b', wave: 1, cwd: '/path/b' },
      ],
      unreachable: [{ session: 'c', because: ['missing'] }],
      warnings: [],
    })
    expect(plan.sessions[0].command[0]).toBe('claude')
    expect(manager.spawned).toEqual([])
    expect(await stored()).toEqual(group)
    expect([runner.getState(), runner.getProgress()]).toEqual(['idle', null])
  })

  test('a group need not be stored to be planned', async () => {
    const { runner, repository } = await prepared(groupOf({ a: [] }))
    const { sessions } = await runner.plan(groupOf({ x: [], y: ['x'] }, { id: 'unstored' }))
    expect(sessions.map(({ id }) => id)).toEqual(['x', 'y'])
    expect(await repository.findById('unstored')).toBe(null)
    expect(await rejection(runner.plan('unstored'))).toMatchObject({ code: 'NOT_FOUND' })
  })
})

running('a repository that is watched late', () => {
  class LateRepository extends sg.FileGroupRepository {
    watched = new Promise((resolve) => {
      this.goOn = () => resolve({ close() {} })
    })

    watch() {
      return this.watched
    }
  }

  test('has the request that was stored before', async () => {
    const repository = new LateRepository(freshDir(), { durability: 'process' })
    const { runner, manager, stored } = await prepare(repository, groupOf({ a: [] }), goesOn)
    const run = runner.run('20260115-103000-logging')
    await manager.reaches(1)
    // The last commit of the start.
    await eventually(async () => (await stored()).eventSeq === 2)
    await sg.control(repository, '20260115-103000-logging', 'pause', { waitMs: 0 })
    repository.goOn()
    await run
    expect(runner.getState()).toBe('paused')
  })
})
