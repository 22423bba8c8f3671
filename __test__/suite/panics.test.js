// A panic inside the addon must neither end the process nor leave a promise unsettled. The addon of __test__/addon has
// functions that panic; it is loaded in place of the product's.

const path = require('node:path')
const { root, runScript } = require('./helpers')

const addon =
  process.env.SESSION_GROUPS_TEST_ADDON ?? path.join(root, 'target', 'test-addon', 'session-groups.node')
const binding = JSON.stringify(path.join(root, 'binding.js'))

const run = async (script) => {
  const text = `const test = require(${binding})
    const late = (ms) => new Promise((resolve) => setTimeout(() => resolve({ code: 'never settled' }), ms))
    ;(async () => { ${script} })()`
  const { code, stdout, stderr } = await runScript(text, { env: { NAPI_RS_NATIVE_LIBRARY_PATH: addon } })
  expect(stderr).not.toContain('abort')
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

test('a panic in a function is thrown as an error', async () => {
  const thrown = await run(`
    try { test.panicInFunction() } catch (error) {
      console.log(JSON.stringify([error instanceof sg.SessionGroupsError, error.code, error.message]))
    }`)
  expect(thrown).toEqual([true, 'INTERNAL', expect.stringContaining('on purpose, in a function')])
})

test.each([
  ['panicInArguments', 'on purpose, in arguments'],
  ['panicOnThread', 'on purpose, on a thread'],
  ['panicInAnswer', 'on purpose, in an answer'],
  ['panicInRead', 'a call was given up'],
  ['panicInTurn', 'a call was given up'],
])('%s rejects the promise, and work goes on', async (name, message) => {
  const seen = await run(`
    const outcomes = new Map()
    for (let round = 0; round < 20; round++) {
      const error = await Promise.race([test.${name}(), late(20_000)]).catch((error) => error)
      outcomes.set(error.message, [error instanceof sg.SessionGroupsError, error.code, error.message])
    }
    const repository = new sg.FileGroupRepository('/nowhere')
    const after = [await repository.findById('g'), await repository.update('g', () => ({})), await repository.count()]
    console.log(JSON.stringify([...outcomes.values(), after]))
    process.exit()`)
  expect(seen).toEqual([
    [true, 'INTERNAL', expect.stringContaining(message)],
    [null, null, 0],
  ])
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
