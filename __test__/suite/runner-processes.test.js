// GroupRunner with real processes: a program that behaves like Claude Code, built from __test__/runner/fake.

const { spawn } = require('node:child_process')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const sg = require('../..')
const { posix, rejection, root, runScript } = require('./helpers')
const { ID, isAlive, prepareFiles, runGroup, world } = require('./helpers/fake-claude')
const { eventually, Recorder, RUN_FROM } = require('./helpers/runner')

describe.each(RUN_FROM)('on %s', (_, createRepository) => {
  posix('a group runs, and its costs add up to what was billed', async () => {
    const { group, options, starts, billed } = world({ a: {}, b: {}, c: { dependsOn: ['a', 'b'] } })
    const repository = createRepository()
    await repository.save(group)
    const recorder = new Recorder()
    const runner = new sg.GroupRunner(undefined, repository, recorder)
    await runner.run(ID, options)
    const stored = await repository.findById(ID)
    expect(stored.status).toBe('completed')
    expect(starts()).toBe(3)
    const total = billed().reduce((sum, cost) => sum + cost, 0)
    expect(runner.getProgress().totalCost).toBeCloseTo(total, 9)
    expect(stored.sessions.map(({ cost }) => cost).every((cost) => cost > 0)).toBe(true)
    expect(recorder.story().filter((event) => event.startsWith('group_session_started'))).toEqual([
      'group_session_started a',
      'group_session_started b',
      'group_session_started c',
    ])
  })

  posix(
    'a pause interrupts, so that costs are known, and a resume goes on with the conversation',
    async () => {
      const { group, options, starts, pids } = world({ a: { behaviour: 'works_on' } })
      const repository = createRepository()
      await repository.save(group)
      const recorder = new Recorder()
      const runner = new sg.GroupRunner(undefined, repository, recorder)
      const run = runner.run(ID, options)
      await eventually(() => recorder.of('session_progress').length > 0)
      expect(runner.getProgress()).toMatchObject({ running: 1, sessions: [{ id: 'a', status: 'active' }] })
      await runner.pause()
      await run
      expect(pids().filter(isAlive)).toEqual([])
      const [paused] = (await repository.findById(ID)).sessions
      expect(paused).toMatchObject({ status: 'paused', attempts: [{ outcome: 'interrupted' }] })
      expect(paused.cost).toBeGreaterThan(0)
      expect(recorder.of('session_interrupted')).toMatchObject([{ sessionId: 'a' }])

      await repository.updateSession(ID, 'a', {
        config: { ...paused.config, env: { FAKE_BEHAVIOUR: 'answers' } },
      })
      await runner.resume()
      expect((await repository.findById(ID)).sessions[0]).toMatchObject({
        status: 'completed',
        claudeSessionId: paused.claudeSessionId,
        attempts: [{ how: 'fresh' }, { how: 'resume' }],
      })
      expect(starts()).toBe(1)
    },
  )
})

describe('in files', () => {
  posix('a run that nobody awaits keeps the process alive to its end', async () => {
    const { options, store, repository } = await prepareFiles({ a: { turnMs: 300 } })
    const script = `${runGroup(store, options)} run()`
    expect(await runScript(script)).toMatchObject({ code: 0, stderr: '' })
    expect((await repository.findById(ID)).status).toBe('completed')
  })

  posix('after process.exit, sessions finish their turn, and the next run takes them up', async () => {
    const { options, store, repository, starts } = await prepareFiles({ a: { turnMs: 1500 } })
    const script = `${runGroup(store, options)}
      runner.on('session_progress', () => process.exit(7))
      run()`
    expect((await runScript(script)).code).toBe(7)
    await new sg.GroupRunner(undefined, repository).run(ID, options)
    expect(await repository.findById(ID)).toMatchObject({
      status: 'completed',
      sessions: [{ status: 'completed', attempts: [{ outcome: 'completed' }] }],
    })
    expect(starts()).toBe(1)
  })

  posix('after the end of a worker thread as well', async () => {
    const { options, store, repository, starts } = await prepareFiles({ a: { turnMs: 1500 } })
    const script = `const sg = require(${JSON.stringify(root)}); ${runGroup(store, options)}
      runner.on('session_progress', () => require('node:worker_threads').parentPort.postMessage('running'))
      run()`
    const worker = new Worker(script, { eval: true })
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    await worker.terminate()
    // The worker has ended only when its run has released the group.
    await new sg.GroupRunner(undefined, repository).run(ID, options)
    expect((await repository.findById(ID)).sessions).toMatchObject([{ status: 'completed' }])
    expect(starts()).toBe(1)
  })

  posix(
    'an attempt that the end of a worker thread keeps from starting is killed and costs nothing',
    async () => {
      const { options, store, repository, starts, pids } = await prepareFiles({ a: {} })
      // The worker ends while a start is stored and not carried out yet: the answer of the repository never comes.
      const script = `const sg = require(${JSON.stringify(root)})
      const { parentPort } = require('node:worker_threads')
      class Slow extends sg.FileGroupRepository {
        async update(...args) {
          const group = await super.update(...args)
          if (group.sessions[0].status !== 'active') return group
          parentPort.postMessage('stored')
          return new Promise(() => {})
        }
      }
      const repository = new Slow(${JSON.stringify(store)}, { durability: 'process' })
      new sg.GroupRunner(undefined, repository).run('${ID}', ${JSON.stringify(options)})`
      const worker = new Worker(script, { eval: true })
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      await worker.terminate()
      expect((await repository.summaries())[0].live).toBe(false)
      await new sg.GroupRunner(undefined, repository).run(ID, options)
      const [{ status, attempts }] = (await repository.findById(ID)).sessions
      const seen = attempts.map(({ outcome, costUsd, process: identity }) => [
        outcome,
        costUsd > 0,
        identity?.pid,
      ])
      expect([status, seen]).toEqual([
        'completed',
        [
          ['killed', false, undefined],
          ['completed', true, pids()[0]],
        ],
      ])
      expect(starts()).toBe(1)
    },
  )

  posix('a killed program loses nothing', async () => {
    const { options, store, repository, starts, billed } = await prepareFiles({
      a: {},
      b: { behaviour: 'uses_a_tool', turnMs: 1000, dependsOn: ['a'] },
    })
    const script = `const sg = require(${JSON.stringify(root)}); ${runGroup(store, options)}
      runner.on('session_progress', ({ sessionId }) => sessionId === 'b' && console.log('now'))
      run()`
    const child = spawn(process.execPath, ['-e', script])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    const runner = new sg.GroupRunner(undefined, repository)
    await runner.run(ID, options)
    expect(await repository.findById(ID)).toMatchObject({ status: 'completed' })
    expect(starts()).toBe(2)
    expect(runner.getProgress().totalCost).toBeCloseTo(
      billed().reduce((sum, cost) => sum + cost, 0),
      9,
    )
  })

  posix('a second process is told who runs the group, and can control it', async () => {
    const { options, store, repository, pids } = await prepareFiles({ a: { behaviour: 'works_on' } })
    const recorder = new Recorder()
    const runner = new sg.GroupRunner(undefined, repository, recorder)
    const run = runner.run(ID, options)
    await eventually(() => recorder.of('session_progress').length > 0)
    const second = `${runGroup(store, options)} run().catch(({ code, message }) => console.log(code, message))`
    expect((await runScript(second)).stdout).toMatch(new RegExp(`^ALREADY_RUNNING .*\\b${process.pid}\\b`))
    const pausing = `${runGroup(store, options)} sg.control(repository, '${ID}', 'pause').then(console.log)`
    expect(await runScript(pausing)).toMatchObject({ code: 0, stdout: 'true' })
    await run
    expect([runner.getState(), runner.getPauseReason()]).toEqual(['paused', 'manual'])
    expect(await repository.findById(ID)).toMatchObject({ status: 'paused', controlSeen: 1 })
    expect(pids().filter(isAlive)).toEqual([])
  })

  posix('without a runner, a stop ends what a killed one has left', async () => {
    const { options, store, repository, pids } = await prepareFiles({ a: { behaviour: 'works_on' } })
    const script = `const sg = require(${JSON.stringify(root)}); ${runGroup(store, options)}
      runner.on('session_progress', () => console.log('now'))
      run()`
    const child = spawn(process.execPath, ['-e', script])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    expect(await rejection(sg.control(repository, ID, 'resume'))).toMatchObject({ code: 'INVALID_STATE' })
    await sg.control(repository, ID, 'stop', { now: true })
    expect(await repository.findById(ID)).toMatchObject({
      status: 'failed',
      cause: 'stopped',
      sessions: [{ status: 'paused' }],
    })
    expect(pids().filter(isAlive)).toEqual([])
  })

  posix('a group that is saved, or a session that is added, as before runs anew', async () => {
    const { options, repository, group, starts } = await prepareFiles({ a: {} })
    const runner = new sg.GroupRunner(undefined, repository)
    const manager = new sg.GroupManager(undefined, repository)
    await runner.run(ID, options)
    const addAgain = async () => {
      await manager.removeSession(ID, 'a')
      await manager.addSession(ID, group.sessions[0])
    }
    for (const restore of [() => repository.save(group), addAgain]) {
      await restore()
      await runner.run(ID, options)
      expect(await repository.findById(ID)).toMatchObject({
        status: 'completed',
        sessions: [{ status: 'completed', attempts: [{ n: 1, how: 'fresh', outcome: 'completed' }] }],
      })
    }
    expect(starts()).toBe(3)
  })

  posix('denied tools are reported', async () => {
    const { options, repository } = await prepareFiles({ a: { behaviour: 'is_denied_a_tool' } })
    const recorder = new Recorder()
    await new sg.GroupRunner(undefined, repository, recorder).run(ID, options)
    expect(recorder.of('tools_denied')).toMatchObject([{ sessionId: 'a', tools: ['Bash'] }])
    expect((await repository.findById(ID)).sessions[0].deniedTools).toEqual(['Bash'])
  })

  posix('projects that cannot be used are found before anything starts, all of them', async () => {
    const { options, store, dir, repository, group, pids } = await prepareFiles({
      a: {},
      b: {},
      c: {},
      d: {},
    })
    const places = [dir, path.dirname(store), path.join(dir, 'none'), path.join(store, ID)]
    const sessions = group.sessions.map((session, index) => ({ ...session, projectPath: places[index] }))
    await repository.update(ID, { sessions })
    const before = await repository.findById(ID)
    const runner = new sg.GroupRunner(undefined, repository)
    for (const call of [() => runner.run(ID, options), () => runner.plan(ID, options)]) {
      const { code, message } = await rejection(call())
      expect(code).toBe('INVALID_STATE')
      expect(message).toContain('there are 3 problems')
      expect(message).toMatch(/"b".* contains the store/)
      expect(message).toMatch(/"c".* no such directory/)
      expect(message).toMatch(/"d".* lies in the store/)
    }
    expect(await repository.findById(ID)).toEqual(before)
    expect(pids()).toEqual([])
  })

  posix('without claude, nothing is stored', async () => {
    const { options, repository, group } = await prepareFiles({ a: {} })
    const runner = new sg.GroupRunner(undefined, repository)
    const error = await rejection(runner.run(ID, { ...options, claudePath: '/nonexistent/claude' }))
    expect(error).toMatchObject({ code: 'CLAUDE_NOT_FOUND' })
    expect(await repository.findById(ID)).toEqual(group)
    expect(runner.getState()).toBe('idle')
  })
})
