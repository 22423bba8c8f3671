// A build of the addon with two functions that panic: whatever happens inside must not end the process.

const path = require('node:path')
const { root, runScript } = require('./helpers')

const addon =
  process.env.SESSION_GROUPS_TEST_ADDON ?? path.join(root, 'target', 'test-addon', 'session-groups.node')

test('a panic in a function and one on a thread become errors, and work goes on', async () => {
  const script = `(async () => {
    const seen = []
    try { sg.panicSync() } catch (error) { seen.push([error instanceof sg.SessionGroupsError, error.code, error.message]) }
    for (let i = 0; i < 20; i++) await sg.panicAsync().catch((error) => { if (i === 0) seen.push([error instanceof sg.SessionGroupsError, error.code, error.message]) })
    const repository = new sg.FileGroupRepository('/nowhere')
    seen.push([await repository.findById('g'), await repository.count()])
    console.log(JSON.stringify(seen))
  })()`
  const { code, stdout } = await runScript(script, { env: { NAPI_RS_NATIVE_LIBRARY_PATH: addon } })
  expect(code).toBe(0)
  const [inFunction, onThread, after] = JSON.parse(stdout)
  expect(inFunction).toEqual([true, 'INTERNAL', expect.stringContaining('on purpose, in a function')])
  expect(onThread).toEqual([true, 'INTERNAL', expect.stringContaining('on purpose, on a thread')])
  expect(after).toEqual([null, 0])
})

test('a panic while a group is read settles every promise that waits for it', async () => {
  const script = `(async () => {
    const repository = new sg.FileGroupRepository(process.env.DIR, { durability: 'process' })
    const late = (ms) => new Promise((resolve) => setTimeout(() => resolve({ code: 'never settled' }), ms))
    const code = (promise) => Promise.race([promise, late(20000)]).then((value) => value?.code ?? 'fulfilled', ({ code }) => code)
    const codes = []
    for (let round = 0; round < 20; round++) {
      codes.push(await code(repository.findById('panic')), await code(repository.revision('panic')),
        await code(repository.update('panic', () => ({ name: 'x' }))))
    }
    codes.push(await code(repository.update('panic', { name: 'x' })))
    console.log(JSON.stringify([[...new Set(codes)].sort(), await repository.count()]))
    process.exit()
  })()`
  const env = { NAPI_RS_NATIVE_LIBRARY_PATH: addon, DIR: path.join(root, 'nowhere') }
  const { code, stdout, stderr } = await runScript(script, { env })
  expect(stderr).not.toContain('abort')
  expect([code, stdout]).toEqual([0, JSON.stringify([['INTERNAL', 'fulfilled'], 0])])
})

test('what comes back into a class while the engine makes an object is no panic', async () => {
  const script = `
    const aggregator = new sg.ProgressAggregator()
    const session = { id: 'a', projectPath: '/p', prompt: 'x', status: 'pending', dependsOn: [], createdAt: '2026-01-15T10:30:00.000Z' }
    const stream = new sg.ClaudeStream(session)
    const seen = []
    const during = (property, action, call) => {
      Object.defineProperty(Object.prototype, property, { configurable: true, set() { action() } })
      try { call(); seen.push('returned') } catch (error) { seen.push(error.code) }
      delete Object.prototype[property]
    }
    const track = () => aggregator.updateSession({ id: 'a', projectPath: '/p', status: 'pending', cost: 0, tokens: { input: 0, output: 0 }, messageCount: 0 })
    track()
    during('projectPath', () => aggregator.clear(), () => aggregator.getSessionProgress('a'))
    track()
    during('totalCost', () => aggregator.clear(), () => aggregator.summary())
    during('projectPath', () => stream.push('{}'), () => stream.progress)
    during('projectPath', () => seen.push(stream.ignoredLines, stream.error), () => stream.progress)
    seen.push(aggregator.getAllSessions().length)
    console.log(JSON.stringify(seen))`
  const { code, stdout, stderr } = await runScript(script)
  expect([code, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout).filter((entry) => entry === 'returned')).toHaveLength(4)
  expect(JSON.parse(stdout).at(-1)).toBe(0)
})
