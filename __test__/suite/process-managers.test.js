// Process managers of a user's own that cannot start a process, or do not return one that can be followed.

const sg = require('../..')
const { groupOf, RUN_FROM, running } = require('./helpers/runner')

running.each(RUN_FROM)('on %s', (_, createRepository) => {
  test('a session whose process cannot be started fails', async () => {
    const repository = createRepository()
    const group = groupOf({ a: [] })
    await repository.save(group)
    const spawn = () => {
      throw new Error('no processes today')
    }
    await new sg.GroupRunner({ processManager: { spawn } }, repository).run(group.id)
    expect(await repository.findById(group.id)).toMatchObject({
      status: 'failed',
      sessions: [{ status: 'failed', error: expect.stringContaining('no processes today') }],
    })
  })

  test('a process manager must return a process', async () => {
    for (const spawned of [{}, undefined, Promise.resolve({ exitCode: Promise.resolve(0) })]) {
      const repository = createRepository()
      const group = groupOf({ a: [] })
      await repository.save(group)
      await new sg.GroupRunner({ processManager: { spawn: () => spawned } }, repository).run(group.id)
      expect(await repository.findById(group.id)).toMatchObject({
        status: 'failed',
        sessions: [{ status: 'failed', error: expect.stringContaining('exitCode') }],
      })
    }
  })

  test.each([
    ['null', async () => null, 'killed by a signal'],
    ['rejected', () => Promise.reject(new Error('lost host')), 'killed by a signal: lost host'],
    ['undefined', async () => undefined, 'exitCode must be an integer or null, but is undefined'],
    ['text', async () => '0', 'exitCode must be an integer or null, but is 0'],
  ])('an exit code that is %s fails the session and says why', async (_, exit, reason) => {
    const repository = createRepository()
    const group = groupOf({ a: [] })
    await repository.save(group)
    const spawn = () => ({ pid: 1, stdout: [], stderr: [], exitCode: exit(), kill() {} })
    await new sg.GroupRunner({ processManager: { spawn } }, repository).run(group.id)
    const [{ status, error }] = (await repository.findById(group.id)).sessions
    expect([status, error]).toEqual(['failed', expect.stringContaining(reason)])
  })

  test('a process that comes later, in a promise, is killed, and a promise that is rejected ends nothing', async () => {
    const signals = []
    const late = { exitCode: new Promise(() => {}), kill: (signal) => signals.push(signal) }
    const unhandled = []
    const note = (error) => unhandled.push(error)
    process.on('unhandledRejection', note)
    for (const spawn of [async () => late, () => Promise.reject(new Error('no host'))]) {
      const repository = createRepository()
      const group = groupOf({ a: [] })
      await repository.save(group)
      await new sg.GroupRunner({ processManager: { spawn } }, repository).run(group.id)
      const [{ status, error }] = (await repository.findById(group.id)).sessions
      expect([status, error]).toEqual(['failed', expect.stringContaining('not a promise')])
    }
    await new Promise(setImmediate)
    process.off('unhandledRejection', note)
    expect([signals, unhandled]).toEqual([['SIGKILL'], []])
  })
})
