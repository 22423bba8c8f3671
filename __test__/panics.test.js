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
