// GroupRunner with processes of a test's own, on every kind of repository.

const fs = require('node:fs')
const sg = require('../..')
const { rejection } = require('./helpers')
const {
  eventually,
  goesOn,
  groupOf,
  prepare,
  ProcessManager,
  Recorder,
  RUN_FROM,
  running,
  turn,
} = require('./helpers/runner')

/** A test that reads the start of a process from `/proc`. */
const linux = process.platform === 'linux' ? test : test.skip

running.each(RUN_FROM)('on %s', (_, createRepository) => {
  const prepared = (group, act) => prepare(createRepository(), group, act)

  test('a new runner is idle', async () => {
    const { runner } = await prepared(groupOf({ a: [] }))
    expect([runner.getState(), runner.getProgress(), runner.getPauseReason()]).toEqual(['idle', null, null])
  })

  test('a group runs to its end, and an exit with 0 without any output is success', async () => {
    const { runner, manager, stored } = await prepared(groupOf({ a: [], b: [] }))
    expect(await runner.run('20260115-103000-logging')).toBeUndefined()
    expect(runner.getState()).toBe('completed')
    expect(manager.spawned.length).toBe(2)
    expect(await stored()).toMatchObject({
      status: 'completed',
      startedAt: expect.any(String),
      completedAt: expect.any(String),
      sessions: [{ status: 'completed' }, { status: 'completed' }],
    })
    expect(runner.getProgress()).toMatchObject({ totalSessions: 2, completed: 2, running: 0 })
  })

  test('of a group object only the id is used', async () => {
    const { runner, manager, group } = await prepared(groupOf({ a: [] }))
    await runner.run({ ...group, sessions: [], name: 'old' })
    expect(manager.spawned.length).toBe(1)
  })

  test('a group that is not stored yet is saved first', async () => {
    const repository = createRepository()
    const runner = new sg.GroupRunner({ processManager: new ProcessManager() }, repository)
    await runner.run(groupOf({ a: [] }, { id: 'new' }))
    expect(await repository.findById('new')).toMatchObject({ status: 'completed' })
  })

  test('events come in order', async () => {
    const { runner, recorder, manager } = await prepared(groupOf({ a: [], b: [], c: ['a', 'b'] }), goesOn)
    const run = runner.run('20260115-103000-logging')
    await manager.reaches(2)
    manager.spawned[0].child.exit(0)
    await eventually(() => recorder.of('group_session_completed').length === 1)
    manager.spawned[1].child.exit(0)
    ;(await manager.reaches(3)).exit(0)
    await run
    expect(recorder.story()).toEqual([
      'group_started',
      'dependency_waiting c',
      'group_session_started a',
      'group_session_started b',
      'group_session_completed a',
      'group_session_completed b',
      'dependency_resolved c',
      'group_session_started c',
      'group_session_completed c',
      'group_completed',
    ])
    expect(recorder.of('group_started')[0]).toMatchObject({ totalSessions: 3, maxConcurrent: 3 })
    expect(recorder.of('dependency_resolved')[0]).toMatchObject({ resolvedDependencies: ['a', 'b'] })
    expect(recorder.of('group_progress').at(-1)).toMatchObject({ completed: 3, running: 0, pending: 0 })
    for (const event of recorder.events)
      expect(event).toMatchObject({ groupId: '20260115-103000-logging', timestamp: expect.any(String) })
  })

  test('an event is emitted after what it reports was stored', async () => {
    const { runner, stored } = await prepared(groupOf({ a: [] }))
    const started = new Promise((resolve) => {
      runner.once('group_session_started', async () => resolve((await stored()).sessions[0].status))
    })
    const ended = new Promise((resolve) => {
      runner.once('group_completed', async () => resolve((await stored()).status))
    })
    await runner.run('20260115-103000-logging')
    expect(['active', 'completed']).toContain(await started)
    expect(await ended).toBe('completed')
  })

  test('a session starts after those that it depends on have completed', async () => {
    const { runner, recorder } = await prepared(groupOf({ c: ['b'], b: ['a'], a: [] }))
    await runner.run('20260115-103000-logging')
    const starts = recorder.of('group_session_started').map(({ sessionId }) => sessionId)
    expect(starts).toEqual(['a', 'b', 'c'])
  })

  test('dependencies that completed before count, and nothing is started twice', async () => {
    const group = groupOf({ a: [], b: ['a'] })
    group.sessions[0].status = 'completed'
    const { runner, manager, stored } = await prepared(group)
    await runner.run(group.id)
    expect(manager.spawned.map(({ options }) => options.cwd)).toEqual(['/path/b'])
    expect((await stored()).status).toBe('completed')
  })

  test('all types of events are emitted', async () => {
    const repository = createRepository()
    const recorder = new Recorder()
    const processManager = new ProcessManager((child, count) => {
      const [init, answer, result] = turn(count === 1 ? 0.6 : 0.1)
      const end = () => {
        child.print(result)
        child.exit(0)
      }
      child.print(init, answer)
      // The first session works until that was reported. The third process is the first one of `c`, and fails.
      if (count === 1) recorder.once('session_progress', end)
      else if (count === 3) child.exit(1)
      else end()
    })
    const container = { processManager }
    const groups = new sg.GroupManager(container, repository, recorder)
    const { id } = await groups.createGroup({ name: 'All', config: { maxBudgetUsd: 0.6 } })
    const { sessions } = groupOf({ a: [], b: ['a'], c: ['b'] })
    for (const session of sessions) await groups.addSession(id, session)
    const runner = new sg.GroupRunner(container, repository, recorder)
    await runner.run(id)
    await runner.resume({ budget: 10 })
    await runner.retry(id)
    expect((await repository.findById(id)).status).toBe('completed')
    const emitted = new Set(recorder.events.map(({ type }) => type))
    expect([...emitted].sort()).toEqual(
      [
        'budget_exceeded',
        'budget_warning',
        'dependency_resolved',
        'dependency_waiting',
        'group_completed',
        'group_created',
        'group_failed',
        'group_paused',
        'group_progress',
        'group_resumed',
        'group_session_completed',
        'group_session_failed',
        'group_session_started',
        'group_started',
        'session_progress',
      ].sort(),
    )
  })

  test('no more sessions run at once than the option allows, which is stored', async () => {
    const { runner, manager, stored } = await prepared(groupOf({ a: [], b: [], c: [], d: [] }), goesOn)
    const run = runner.run('20260115-103000-logging', { maxConcurrent: 2 })
    for (let count = 2; count <= 4; count++) {
      await manager.reaches(count)
      manager.spawned.find(({ child }) => !child.hasExited).child.exit(0)
    }
    manager.spawned.at(-1).child.exit(0)
    await run
    expect(manager.most).toBe(2)
    expect((await stored()).config).toMatchObject({ maxConcurrentSessions: 2 })
  })

  test('the process manager gets the command, the directory, the environment and the prompt', async () => {
    const group = groupOf({ a: [] })
    group.sessions[0].config = {
      generateClaudeMd: false,
      generateSettings: false,
      env: { OWN: 'value' },
      permissionMode: 'acceptEdits',
    }
    const { runner, manager } = await prepared(group)
    await runner.run(group.id)
    const [{ command, args, options }] = manager.spawned
    expect(command).toBe('claude')
    expect(args.join(' ')).toContain('--output-format stream-json --verbose')
    expect(args.join(' ')).toContain('--model sonnet')
    expect(args.join(' ')).toContain('--permission-mode acceptEdits')
    expect(args.join(' ')).not.toContain('Work on a')
    expect(options).toMatchObject({ cwd: '/path/a', env: { OWN: 'value' } })
    // Another directory would hide the login.
    expect(options.env.CLAUDE_CONFIG_DIR).toBe(process.env.CLAUDE_CONFIG_DIR)
    expect(JSON.parse(options.stdin)).toMatchObject({ message: { content: 'Work on a' } })
  })

  test('what a session prints is stored: cost, tokens and conversation', async () => {
    const session = 'c0ffee00-0000-4000-8000-00000000000a'
    const { runner, recorder, stored } = await prepared(groupOf({ a: [] }), (child) => {
      child.print(...turn(0.25, { session }))
      child.exit(0)
    })
    await runner.run('20260115-103000-logging')
    expect(await stored()).toMatchObject({
      sessions: [
        { cost: 0.25, tokens: { input: 10, output: 5 }, attempts: [{ costUsd: 0.25, outcome: 'completed' }] },
      ],
    })
    expect(recorder.of('group_session_completed')[0]).toMatchObject({ costUsd: 0.25, status: 'completed' })
    for (const event of recorder.of('session_progress')) expect(event).toMatchObject({ sessionId: 'a' })
    expect(recorder.of('group_completed')[0]).toMatchObject({ totalCostUsd: 0.25, completedSessions: 1 })
    expect(runner.getProgress()).toMatchObject({ totalCost: 0.25, totalTokens: { input: 10, output: 5 } })
  })

  test('a second run is rejected at once, and a run that nobody awaits can be paused', async () => {
    const { runner, stored } = await prepared(groupOf({ a: [] }), goesOn)
    const run = runner.run('20260115-103000-logging')
    expect(runner.getState()).toBe('running')
    const error = await rejection(runner.run('20260115-103000-logging'))
    expect(error).toMatchObject({ code: 'INVALID_STATE', message: 'Runner is already executing a group' })
    await runner.pause()
    await run
    expect(runner.getState()).toBe('paused')
    expect((await stored()).status).toBe('paused')
  })

  test('a pause terminates the sessions, and a resume starts them again', async () => {
    const { runner, manager, recorder, stored } = await prepared(
      groupOf({ a: [], b: ['a'] }),
      (child, count) => {
        if (count > 1) child.exit(0)
      },
    )
    const run = runner.run('20260115-103000-logging')
    const child = await manager.reaches(1)
    await eventually(() => recorder.of('group_session_started').length === 1)
    expect(runner.getProgress()).toMatchObject({ totalSessions: 2, running: 1 })
    await runner.pause()
    await run
    expect(child.signals[0]).toBe('SIGTERM')
    expect([runner.getState(), runner.getPauseReason()]).toEqual(['paused', 'manual'])
    expect(recorder.of('group_paused')[0]).toMatchObject({ reason: 'manual', cause: 'manual' })
    const paused = await stored()
    expect(paused).toMatchObject({ status: 'paused', cause: 'manual' })
    expect(paused.sessions).toMatchObject([{ status: 'paused' }, { status: 'pending' }])
    expect(paused.sessions[0].error).toBeUndefined()

    await runner.resume()
    expect([runner.getState(), runner.getPauseReason()]).toEqual(['completed', null])
    expect(recorder.story().slice(-8)).toEqual([
      'group_resumed',
      'dependency_waiting b',
      'group_session_started a',
      'group_session_completed a',
      'dependency_resolved b',
      'group_session_started b',
      'group_session_completed b',
      'group_completed',
    ])
    expect((await stored()).status).toBe('completed')
  })

  test('a pause that drains lets running sessions finish', async () => {
    const { runner, manager, stored, recorder } = await prepared(groupOf({ a: [], b: ['a'] }), goesOn)
    const run = runner.run('20260115-103000-logging')
    const child = await manager.reaches(1)
    await eventually(() => recorder.of('group_session_started').length === 1)
    const paused = runner.pause('manual', { drain: true })
    child.print(...turn(0.5))
    child.exit(0)
    await Promise.all([paused, run])
    expect(child.signals).toEqual([])
    expect(await stored()).toMatchObject({
      status: 'paused',
      sessions: [{ status: 'completed', cost: 0.5 }, { status: 'pending' }],
    })
    expect(manager.spawned.length).toBe(1)
  })

  test('a resume can raise the budget', async () => {
    const { runner, manager, stored } = await prepared(groupOf({ a: [] }), goesOn)
    const run = runner.run('20260115-103000-logging')
    await manager.reaches(1)
    await runner.pause()
    await run
    const resumed = runner.resume({ budget: 99 })
    ;(await manager.reaches(2)).exit(0)
    await resumed
    expect(await stored()).toMatchObject({ status: 'completed', config: { maxBudgetUsd: 99 } })
  })

  test('a stop leaves sessions that can be resumed', async () => {
    const { runner, manager, recorder, stored } = await prepared(
      groupOf({ a: [], b: ['a'] }),
      (child, count) => {
        if (count > 1) child.exit(0)
      },
    )
    const run = runner.run('20260115-103000-logging')
    const child = await manager.reaches(1)
    await runner.stop()
    await run
    expect(child.signals.length).toBeGreaterThan(0)
    expect(runner.getState()).toBe('stopped')
    expect(recorder.of('group_failed')).toMatchObject([{ reason: 'Manually stopped', cause: 'stopped' }])
    expect(await stored()).toMatchObject({
      status: 'failed',
      cause: 'stopped',
      sessions: [{ status: 'paused' }, { status: 'pending' }],
    })
    await runner.run('20260115-103000-logging')
    expect(await stored()).toMatchObject({ status: 'completed' })
  })

  test('a paused group can be stopped', async () => {
    const { runner, manager, recorder, stored } = await prepared(groupOf({ a: [] }), goesOn)
    const run = runner.run('20260115-103000-logging')
    await manager.reaches(1)
    await runner.pause()
    await run
    await runner.stop()
    expect(runner.getState()).toBe('stopped')
    expect(await stored()).toMatchObject({ status: 'failed', cause: 'stopped' })
    expect(recorder.of('group_failed')).toMatchObject([{ reason: 'Manually stopped' }])
    expect(manager.spawned.length).toBe(1)
  })

  test('calls that do not fit the state are rejected', async () => {
    const { runner } = await prepared(groupOf({ a: [] }))
    for (const [call, message] of [
      [() => runner.pause(), 'Cannot pause: runner is not running'],
      [() => runner.resume(), 'Cannot resume: runner is not paused'],
      [() => runner.stop(), 'Cannot stop: runner is not running or paused'],
    ])
      expect(await rejection(call())).toMatchObject({ code: 'INVALID_STATE', message })
    await runner.run('20260115-103000-logging')
    expect(await rejection(runner.pause())).toMatchObject({ code: 'INVALID_STATE' })
    expect(await rejection(runner.resume())).toMatchObject({ code: 'INVALID_STATE' })
  })

  test('failures up to the threshold pause the group', async () => {
    const { runner, recorder, stored } = await prepared(groupOf({ a: [], b: [], c: [] }), (child) =>
      child.exit(1),
    )
    await runner.run('20260115-103000-logging', { errorThreshold: 2, maxConcurrent: 1 })
    expect([runner.getState(), runner.getPauseReason()]).toEqual(['paused', 'error_threshold'])
    expect(recorder.of('group_paused')).toMatchObject([{ reason: 'error_threshold' }])
    expect(recorder.of('group_session_failed').length).toBe(2)
    expect((await stored()).sessions.map(({ status }) => status)).toEqual(['failed', 'failed', 'pending'])
  })

  test('a failed session fails the group, and its dependants are not reached', async () => {
    const { runner, recorder, stored } = await prepared(groupOf({ a: [], b: ['a'] }), (child) =>
      child.exit(1),
    )
    await runner.run('20260115-103000-logging')
    expect(runner.getState()).toBe('completed')
    expect(await stored()).toMatchObject({
      status: 'failed',
      sessions: [{ status: 'failed', error: expect.any(String) }, { status: 'pending' }],
    })
    expect(recorder.of('session_unreachable')).toMatchObject([{ sessionId: 'b', because: ['a'] }])
    expect(recorder.of('group_failed')).toMatchObject([{ failedSessions: 1 }])
  })

  test('failed sessions run again with retry', async () => {
    const { runner, manager, stored } = await prepared(groupOf({ a: [], b: ['a'] }), (child, count) =>
      child.exit(count === 1 ? 1 : 0),
    )
    await runner.run('20260115-103000-logging')
    expect((await stored()).status).toBe('failed')
    await runner.retry('20260115-103000-logging')
    expect(await stored()).toMatchObject({
      status: 'completed',
      sessions: [{ status: 'completed' }, { status: 'completed' }],
    })
    expect(manager.spawned.length).toBe(3)
  })

  test('the budget holds', async () => {
    const { runner, manager, recorder, stored } = await prepared(
      groupOf({ a: [], b: ['a'] }, { config: { maxBudgetUsd: 1, warningThreshold: 0.5 } }),
      (child) => {
        child.print(...turn(1))
        child.exit(0)
      },
    )
    await runner.run('20260115-103000-logging')
    expect(manager.spawned[0].args.join(' ')).toContain('--max-budget-usd')
    expect([runner.getState(), runner.getPauseReason()]).toEqual(['paused', 'budget_exceeded'])
    expect(recorder.of('budget_warning')).toMatchObject([{ currentUsage: 1, limit: 1, percentUsed: 100 }])
    expect(recorder.of('budget_exceeded')).toMatchObject([{ usage: 1, limit: 1, action: 'pause' }])
    expect(await stored()).toMatchObject({
      cause: 'budget_exceeded',
      sessions: [{ status: 'completed' }, { status: 'pending' }],
    })
  })

  test('times are those of the clock', async () => {
    const repository = createRepository()
    const group = groupOf({ a: [] })
    await repository.save(group)
    const now = '2026-03-01T12:00:00.000Z'
    const container = { processManager: new ProcessManager(), clock: { now: () => new Date(now) } }
    const recorder = new Recorder()
    await new sg.GroupRunner(container, repository, recorder).run(group.id)
    expect(await repository.findById(group.id)).toMatchObject({
      startedAt: now,
      completedAt: now,
      sessions: [{ startedAt: now, completedAt: now }],
    })
    expect(new Set(recorder.events.map(({ timestamp }) => timestamp))).toEqual(new Set([now]))
  })

  test('an aborted signal pauses the group', async () => {
    const { runner, manager, stored } = await prepared(groupOf({ a: [] }), goesOn)
    const controller = new AbortController()
    const run = runner.run('20260115-103000-logging', { signal: controller.signal })
    await manager.reaches(1)
    controller.abort()
    await run
    expect(await stored()).toMatchObject({ status: 'paused', cause: 'manual' })
    await runner.run('20260115-103000-logging', { signal: AbortSignal.abort() })
    expect(runner.getState()).toBe('paused')
    expect(manager.spawned.length).toBe(1)
  })

  test('a group that a signal has paused can be resumed and retried', async () => {
    const { runner, manager, stored } = await prepared(groupOf({ a: [], b: ['a'] }), (child, number) => {
      if (number > 1) child.exit(number === 3 ? 1 : 0)
    })
    const controller = new AbortController()
    const run = runner.run('20260115-103000-logging', { signal: controller.signal, skip: ['b'] })
    await manager.reaches(1)
    controller.abort()
    await run
    await runner.resume()
    // The other options still hold.
    expect(await stored()).toMatchObject({ sessions: [{ status: 'completed' }, { status: 'pending' }] })
    await runner.run('20260115-103000-logging')
    expect(await stored()).toMatchObject({ status: 'failed', sessions: [{}, { status: 'failed' }] })
    const again = new AbortController()
    await runner.run('20260115-103000-logging', { signal: again.signal })
    again.abort()
    await runner.retry('20260115-103000-logging')
    expect(await stored()).toMatchObject({ status: 'completed' })
  })

  test('only some sessions can be run', async () => {
    const { runner, stored } = await prepared(groupOf({ a: [], b: [], c: [] }))
    await runner.run('20260115-103000-logging', { only: ['a', 'b'], skip: ['b'] })
    expect(await stored()).toMatchObject({
      status: 'paused',
      sessions: [{ status: 'completed' }, { status: 'pending' }, { status: 'pending' }],
    })
  })

  test.each(['only', 'skip', 'assumeDead'])('%s names sessions of the group', async (option) => {
    const { runner, stored, manager } = await prepared(groupOf({ a: [] }))
    const run = runner.run('20260115-103000-logging', { [option]: ['a', 'b'] })
    expect(await rejection(run)).toMatchObject({ code: 'INVALID_ARGUMENT', field: option })
    expect(await stored()).toMatchObject({ status: 'created', sessions: [{ status: 'pending' }] })
    expect(manager.spawned.length).toBe(0)
  })

  test('requests name sessions of the group', async () => {
    const { runner, repository, stored, manager } = await prepared(groupOf({ a: [] }))
    const sessions = ['b']
    const expected = { code: 'INVALID_ARGUMENT', field: 'sessions' }
    const id = '20260115-103000-logging'
    expect(await rejection(runner.retry(id, { sessions }))).toMatchObject(expected)
    for (const request of ['pause', 'resume', 'stop', 'retry']) {
      expect(await rejection(sg.control(repository, id, request, { sessions }))).toMatchObject(expected)
    }
    expect(await stored()).toMatchObject({ status: 'created', sessions: [{ status: 'pending' }] })
    expect(manager.spawned.length).toBe(0)
  })

  test('a cycle is rejected, and the runner can be used again', async () => {
    const { runner, repository, recorder } = await prepared(groupOf({ a: ['b'], b: ['a'] }))
    const error = await rejection(runner.run('20260115-103000-logging'))
    expect(error).toBeInstanceOf(sg.CircularDependencyError)
    expect(error.cycle.toSorted()).toEqual(['a', 'b'])
    expect([runner.getState(), recorder.events]).toEqual(['idle', []])
    await repository.save(groupOf({ a: [] }, { id: 'other' }))
    await runner.run('other')
    expect(runner.getState()).toBe('completed')
  })

  test('a group that does not exist is rejected', async () => {
    const { runner } = await prepared(groupOf({ a: [] }))
    expect(await rejection(runner.run('none'))).toMatchObject({ code: 'NOT_FOUND', groupId: 'none' })
    expect(runner.getState()).toBe('idle')
  })

  test('a group is run by one runner at a time', async () => {
    const { runner, repository, manager } = await prepared(groupOf({ a: [] }), goesOn)
    const run = runner.run('20260115-103000-logging')
    const child = await manager.reaches(1)
    const second = new sg.GroupRunner({ processManager: new ProcessManager() }, repository)
    const error = await rejection(second.run('20260115-103000-logging'))
    expect(error).toMatchObject({
      code: 'ALREADY_RUNNING',
      message: expect.stringContaining(String(process.pid)),
    })
    child.exit(0)
    await run
    expect(manager.spawned.length).toBe(1)
  })

  test('a save of an older state lets no second runner in', async () => {
    const repository = createRepository()
    const group = groupOf({ a: [] })
    const { runner, manager } = await prepare(repository, group, goesOn)
    const run = runner.run(group.id)
    const child = await manager.reaches(1)
    await repository.save(group)
    const isRecorded = async () => (await repository.findById(group.id)).runner !== undefined
    if (!(repository instanceof sg.FileGroupRepository)) await eventually(isRecorded)
    const second = new sg.GroupRunner({ processManager: manager }, repository)
    expect(await rejection(second.run(group.id))).toMatchObject({ code: 'ALREADY_RUNNING' })
    child.exit(0)
    await run
    expect(manager.spawned.length).toBe(1)
    expect((await repository.findById(group.id)).status).toBe('completed')
  })

  linux('a runner whose group another process has taken over ends', async () => {
    const repository = createRepository()
    if (repository instanceof sg.FileGroupRepository) return
    const group = groupOf({ a: [], b: ['a'] })
    const { runner, manager } = await prepare(repository, group, goesOn)
    const run = rejection(runner.run(group.id))
    const child = await manager.reaches(1)
    const stored = await repository.findById(group.id)
    const stat = fs.readFileSync(`/proc/${process.ppid}/stat`, 'utf8')
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    const other = { ...stored.runner, pid: process.ppid, startTime }
    await repository.save({ ...stored, runner: other })
    child.exit(0)
    expect(await run).toMatchObject({ code: 'ALREADY_RUNNING' })
    expect(manager.spawned.length).toBe(1)
    expect((await repository.findById(group.id)).runner).toEqual(other)
  })

  test('two runners run two groups at the same time', async () => {
    const { runner, repository, manager } = await prepared(groupOf({ a: [] }), goesOn)
    await repository.save(groupOf({ a: [] }, { id: 'other' }))
    const other = new sg.GroupRunner({ processManager: manager }, repository)
    const runs = [runner.run('20260115-103000-logging'), other.run('other')]
    await manager.reaches(2)
    expect(manager.most).toBe(2)
    for (const { child } of manager.spawned) child.exit(0)
    await Promise.all(runs)
    expect((await repository.list()).map(({ status }) => status)).toEqual(['completed', 'completed'])
  })

  test('sessions that are added while the group runs are run as well', async () => {
    const original = groupOf({ a: [] })
    // Otherwise it would have the whole budget for itself.
    original.sessions[0].maxBudgetUsd = 1
    const { runner, repository, manager, stored } = await prepared(original, goesOn)
    const run = runner.run('20260115-103000-logging')
    const child = await manager.reaches(1)
    const [added] = groupOf({ late: [] }).sessions
    const group = await stored()
    if (repository.update)
      await repository.update(group.id, ({ sessions }) => ({ sessions: [...sessions, added] }))
    else await repository.save({ ...group, sessions: [...group.sessions, added] })
    ;(await manager.reaches(2)).exit(0)
    child.exit(0)
    await run
    expect((await stored()).sessions.map(({ status }) => status)).toEqual(['completed', 'completed'])
  })

  test('a group that is deleted while it runs ends the run', async () => {
    const { runner, repository, manager } = await prepared(groupOf({ a: [] }), goesOn)
    const run = rejection(runner.run('20260115-103000-logging'))
    const child = await manager.reaches(1)
    await repository.delete('20260115-103000-logging')
    expect(await run).toMatchObject({ code: 'NOT_FOUND' })
    expect(child.signals.length).toBeGreaterThan(0)
    expect(await repository.findById('20260115-103000-logging')).toBe(null)
  })
})
