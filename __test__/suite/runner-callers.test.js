// Arguments of a GroupRunner: handlers, options, and fake timers around it.

const runtime = process.versions.bun ? 'bun:test' : '@jest/globals'
const { describe, expect, jest: timers, test } = require(runtime)
const sg = require('../..')
const { posix, rejection, runScript, thrown } = require('./helpers')
const { groupOf, OwnRepository, prepare, running, UpdatingRepository } = require('./helpers/runner')

// Bun has no fake timers that a test could forget to advance.
const withFakeTimers = process.versions.bun ? test.skip : test

withFakeTimers('fake timers hold up nothing', async () => {
  timers.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick'] })
  try {
    const { runner, stored } = await prepare(new OwnRepository(), groupOf({ a: [], b: ['a'] }))
    await runner.run('20260115-103000-logging')
    expect((await stored()).status).toBe('completed')
  } finally {
    timers.useRealTimers()
  }
})

running('the time', () => {
  test('of a run with a process manager is the one that fake timers set', async () => {
    const now = '2030-01-01T00:00:00.000Z'
    const { runner, recorder, stored } = await prepare(new sg.InMemoryGroupRepository(), groupOf({ a: [] }))
    timers.useFakeTimers({ now: new Date(now), doNotFake: ['queueMicrotask', 'nextTick'] })
    try {
      await runner.run('20260115-103000-logging')
    } finally {
      timers.useRealTimers()
    }
    const { updatedAt, completedAt, sessions } = await stored()
    expect([updatedAt, completedAt, sessions[0].startedAt, sessions[0].completedAt]).toEqual(
      Array(4).fill(now),
    )
    expect(new Set(recorder.events.map(({ timestamp }) => timestamp))).toEqual(new Set([now]))
  })
})

running('handlers', () => {
  const prepared = (group, act) => prepare(new sg.InMemoryGroupRepository(), group, act)

  test('are added, called once, and removed', async () => {
    const { runner } = await prepared(groupOf({ a: [], b: [] }))
    const calls = []
    const removed = () => calls.push('removed')
    const same = runner
      .on('group_session_completed', ({ sessionId }) => calls.push(sessionId))
      .once('group_session_completed', () => calls.push('once'))
      .on('group_session_completed', removed)
      .off('group_session_completed', removed)
      .off('group_session_completed', removed)
    expect(same).toBe(runner)
    await runner.run('20260115-103000-logging', { maxConcurrent: 1 })
    expect(calls).toEqual(['a', 'once', 'b'])
  })

  test('that throw or reject stop nothing, and are reported once', async () => {
    const { runner, recorder } = await prepared(groupOf({ a: [], b: [] }))
    const warnings = []
    const { emitWarning } = process
    process.emitWarning = (text) => warnings.push(text)
    recorder.on('group_session_started', () => {
      throw new Error('broken emitter')
    })
    runner.on('group_session_completed', () => {
      throw new Error('broken handler')
    })
    runner.on('group_session_completed', async () => {
      throw new Error('broken promise')
    })
    const reached = []
    runner.on('group_session_completed', ({ sessionId }) => reached.push(sessionId))
    await runner.run('20260115-103000-logging', { maxConcurrent: 1 })
    await new Promise(setImmediate)
    process.emitWarning = emitWarning
    expect(reached).toEqual(['a', 'b'])
    const texts = warnings.map((text) => text.match(/broken \w+/)?.[0]).toSorted()
    expect(texts).toEqual(['broken emitter', 'broken handler', 'broken promise'])
  })

  test('that throw what has no text stop nothing', async () => {
    const { runner } = await prepared(groupOf({ a: [] }))
    const warnings = []
    const { emitWarning } = process
    process.emitWarning = (text) => warnings.push(text)
    const thrown = [Symbol('broken'), Object.create(null)]
    for (const what of thrown)
      runner.on('group_started', () => {
        throw what
      })
    runner.on('group_started', () => Promise.reject(thrown[1]))
    await runner.run('20260115-103000-logging')
    await new Promise(setImmediate)
    process.emitWarning = emitWarning
    expect(warnings).toEqual([
      expect.stringContaining('Symbol(broken)'),
      ...Array(2).fill(expect.stringContaining('A handler of group_started failed')),
    ])
  })

  test('must be functions', async () => {
    const { runner } = await prepared(groupOf({ a: [] }))
    for (const method of ['on', 'once'])
      expect(thrown(() => runner[method]('group_started', 'log'))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field: 'handler',
      })
  })
})

running('a caller', () => {
  const nothing = Object.create(null)

  test('gets an error from a repository that throws what has no text', async () => {
    const { runner, repository } = await prepare(new UpdatingRepository(), groupOf({ a: [] }))
    repository.update = () => Promise.reject(nothing)
    expect(await rejection(runner.run('20260115-103000-logging'))).toMatchObject({
      code: 'IO',
      cause: nothing,
    })
  })

  test('can run the group again if the repository has failed at the end of a run', async () => {
    const { runner, repository, stored } = await prepare(new UpdatingRepository(), groupOf({ a: [] }))
    const { update } = repository
    let hasFailed = false
    repository.update = (id, change) =>
      update.call(repository, id, (group) => {
        const changes = change(group)
        const isLast = 'runner' in changes && changes.runner === undefined
        if (!isLast || hasFailed) return changes
        hasFailed = true
        throw new Error('the network is down')
      })
    await runner.run('20260115-103000-logging')
    expect([hasFailed, (await stored()).runner]).toEqual([true, undefined])
    await runner.run('20260115-103000-logging')
  })

  test('has a failed session if the process manager throws what has no text', async () => {
    const { runner, manager, stored } = await prepare(new UpdatingRepository(), groupOf({ a: [] }))
    manager.spawn = () => {
      throw nothing
    }
    await runner.run('20260115-103000-logging')
    expect((await stored()).sessions[0].status).toBe('failed')
  })
})

posix('an output that breaks while its process runs does not end the program', async () => {
  const script = `(async () => {
    const group = ${JSON.stringify(groupOf({ a: [] }))}
    const spawn = () => {
      let exit
      const exitCode = new Promise((resolve) => {
        exit = resolve
      })
      const stdout = (async function* () {
        setTimeout(exit, 100, 1)
        throw new Error('the pipe broke')
      })()
      return { pid: 1, stdout, stderr: [], exitCode, kill() {} }
    }
    const repository = new sg.InMemoryGroupRepository()
    await repository.save(group)
    await new sg.GroupRunner({ processManager: { spawn } }, repository).run(group.id)
    console.log((await repository.findById(group.id)).sessions[0].error)
  })()`
  const ended = await runScript(script)
  expect(ended.stderr).not.toContain('the pipe broke')
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('the pipe broke') })
})

posix('an update that returns nothing has stored the group', async () => {
  class Silent extends UpdatingRepository {
    async update(...args) {
      const stored = await super.update(...args)
      return stored === null ? null : undefined
    }
  }
  const { runner, stored } = await prepare(new Silent(), groupOf({ a: [] }))
  await runner.run('20260115-103000-logging')
  expect((await stored()).status).toBe('completed')
})

running('methods of a user', () => {
  const logging = '20260115-103000-logging'

  test.each([
    ['return a promise of a watcher', async (watch) => watch()],
    ['return a promise that is rejected', () => Promise.reject(new Error('no watch today'))],
    ['return something else', () => ({})],
    ['return an iterator', async function* () {}],
    [
      'throw',
      () => {
        throw new Error('no watch today')
      },
    ],
  ])('`watch` may %s: requests arrive, and the run ends', async (_, watch) => {
    class Watching extends sg.InMemoryGroupRepository {
      watch(...args) {
        return watch(() => super.watch(...args))
      }
    }
    const unhandled = []
    const note = (error) => unhandled.push(error)
    process.on('unhandledRejection', note)
    const { runner, repository, manager, stored } = await prepare(
      new Watching(),
      groupOf({ a: [] }),
      () => {},
    )
    const run = runner.run(logging)
    await manager.reaches(1)
    expect(await sg.control(repository, logging, 'pause')).toBe(true)
    await run
    process.off('unhandledRejection', note)
    expect([runner.getState(), (await stored()).status, unhandled]).toEqual(['paused', 'paused', []])
  })

  test('`kill` of a process may reject', async () => {
    const unhandled = []
    const note = (error) => unhandled.push(error)
    process.on('unhandledRejection', note)
    const { runner, manager } = await prepare(
      new sg.InMemoryGroupRepository(),
      groupOf({ a: [] }),
      (child) => {
        child.kill = async () => {
          child.exit(null)
          throw new Error('it is gone')
        }
      },
    )
    const run = runner.run(logging)
    await manager.reaches(1)
    await runner.pause()
    await run
    await new Promise(setImmediate)
    process.off('unhandledRejection', note)
    expect([runner.getState(), unhandled]).toEqual(['paused', []])
  })
})

describe('arguments', () => {
  test('of the constructor are checked', () => {
    const repository = new sg.InMemoryGroupRepository()
    for (const [args, field] of [
      [[undefined, undefined], 'repository'],
      [[undefined, {}], 'repository'],
      [[5, repository], 'container'],
      [[null, repository], 'container'],
      [[undefined, repository, null], 'eventEmitter'],
      [[{ clock: {} }, repository], 'container.clock'],
      [[{ processManager: {} }, repository], 'container.processManager'],
      [[undefined, repository, {}], 'eventEmitter'],
    ])
      expect(thrown(() => new sg.GroupRunner(...args))).toMatchObject({ code: 'INVALID_ARGUMENT', field })
  })

  test('of a run are checked before anything is started', async () => {
    const { runner, manager, stored } = await prepare(new sg.InMemoryGroupRepository(), groupOf({ a: [] }))
    for (const [options, field] of [
      [{ maxConcurrent: 0 }, 'maxConcurrent'],
      [{ maxConcurrent: NaN }, 'maxConcurrent'],
      [{ errorThreshold: 1.5 }, 'errorThreshold'],
      [{ pauseOnError: 'yes' }, 'pauseOnError'],
      [{ only: ['a', 1] }, 'only[1]'],
      [{ minReservationUsd: -1 }, 'minReservationUsd'],
      [{ maxConcurent: 1 }, 'maxConcurent'],
      [{ signal: {} }, 'signal'],
      [{ signal: 5 }, 'signal'],
    ])
      expect(await rejection(runner.run('20260115-103000-logging', options))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field,
      })
    for (const group of [undefined, null, 5, {}])
      expect(await rejection(runner.run(group))).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'group' })
    for (const [request, options, field] of [
      ['restart', {}, 'request'],
      ['pause', null, 'options'],
      ['pause', { budget: -1 }, 'budget'],
      ['pause', { drained: true }, 'drained'],
      ['pause', { sessions: ['a', 1] }, 'sessions[1]'],
    ])
      expect(
        await rejection(sg.control(new sg.InMemoryGroupRepository(), 'a', request, options)),
      ).toMatchObject({ code: 'INVALID_ARGUMENT', field })
    expect(manager.spawned).toEqual([])
    expect((await stored()).status).toBe('created')
    expect(runner.getState()).toBe('idle')
  })

  test('of the wrong type are named with what is expected', async () => {
    const { runner } = await prepare(new sg.InMemoryGroupRepository(), groupOf({ a: [] }))
    const id = '20260115-103000-logging'
    const messageOf = async (call) => (await rejection(call)).message
    expect(await messageOf(runner.run(id, { claudePath: 5 }))).toBe('claudePath must be a string, but is 5')
    expect(await messageOf(runner.run(id, { workDir: {} }))).toBe('workDir must be a string, but is {}')
    expect(await messageOf(runner.run(id, { concurrency: 2 }))).toMatch(
      /^concurrency is unknown\. Known are maxConcurrent, respectDependencies, .*, seed$/,
    )
    expect(await messageOf(runner.retry(id, { sessions: 'a' }))).toBe('sessions must be an array, but is "a"')
    expect(await messageOf(runner.run(id, { only: ['b'] }))).toBe(
      `only names "b", which is no session of group "${id}"`,
    )
    expect(await messageOf(runner.run(id, { signal: 5 }))).toBe(
      'signal must be an object with the method addEventListener, but is 5',
    )
    expect(await messageOf(runner.run(5))).toBe('group must be the id of a group, or a group, but is 5')
    const repository = new sg.InMemoryGroupRepository()
    await repository.save(groupOf({ a: [] }))
    expect(await messageOf(sg.control(repository, id, 'restart'))).toBe(
      'request must be one of pause, resume, stop, retry, but is "restart"',
    )
    expect(await messageOf(sg.control(repository, id, 'pause', { drained: true }))).toBe(
      'drained is unknown. Known are sessions, drain, now, fresh, budget, reason, by, waitMs, workDir',
    )
    // Not another request.
    expect(await messageOf(sg.control(repository, id, 'pause', { request: 'stop' }))).toMatch(
      /^request is unknown\./,
    )
    expect(thrown(() => runner.on('group_started', 'x')).message).toBe(
      'handler must be a function, but is "x"',
    )
    expect(thrown(() => sg.groupEvents({}, id)).message).toBe('repository lacks the method findById')
    const requests = [
      runner.pause('manual', null),
      runner.resume(null),
      runner.stop(null),
      runner.retry(id, null),
    ]
    for (const request of requests)
      expect(await rejection(request)).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'options' })
    for (const [call, known] of [
      [runner.pause('manual', { drained: true }), 'drain'],
      [runner.resume({ drained: 5 }), 'budget'],
      [runner.stop({ drained: true }), 'now'],
      [runner.retry(id, { drained: ['a'] }), 'sessions, fresh'],
    ])
      expect(await messageOf(call)).toBe(`drained is unknown. Known are ${known}`)
  })
})
