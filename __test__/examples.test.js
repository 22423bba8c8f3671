// Each example does what it says. The demonstration has tests of its own.

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const sg = require('..')
const { capture, freshDir, makeGroup, root } = require('./helpers')

/** Runs an example on the runtime that runs the tests. */
const run = (name, { args = [], before = [], cwd = freshDir(), input } = {}) =>
  new Promise((resolve) => {
    const example = path.join(root, 'examples', name)
    const child = execFile(
      process.execPath,
      [...before, example, ...args],
      { cwd },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr, cwd }),
    )
    child.stdin.end(input)
  })

test('a first program', async () => {
  const { code, stdout, stderr, cwd } = await run('first.mjs')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('totalCost: 0.12')
  const groups = await new sg.FileGroupRepository(path.join(cwd, 'groups')).list()
  expect(groups).toMatchObject([{ name: 'Logging everywhere', sessions: [{ status: 'completed' }, {}] }])
})

test('live progress of a claude process', async () => {
  const dir = freshDir()
  const { code, stdout, stderr } = await run('live.mjs', {
    args: ['--dir', dir],
    input: capture('2.1.330-tools'),
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('completed')
  expect(await new sg.FileGroupRepository(dir).list()).toMatchObject([
    { status: 'completed', sessions: [{ status: 'completed', cost: 0.008802 }] },
  ])
})

test('two processes on one store', async () => {
  const { code, stdout, stderr } = await run('two-processes.mjs', { args: [freshDir()] })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('added 50 times each: 100')
})

test('importing an existing store', async () => {
  const [from, to] = [freshDir(), freshDir()]
  const old = new sg.FileGroupRepository(from)
  await old.save(makeGroup({ id: 'a' }))
  await old.save(makeGroup({ id: 'b', sessions: [] }))
  fs.mkdirSync(path.join(from, 'broken'))
  fs.writeFileSync(path.join(from, 'broken', 'meta.json'), '{')
  await new sg.FileGroupRepository(to).save(makeGroup({ id: 'b', name: 'mine' }))

  const { code, stdout, stderr } = await run('import.mjs', { args: [from, to] })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^corrupt: .*broken/m)
  expect(stdout).toContain('imported a, 2 sessions')
  expect(stdout).toContain('left out b: ')
  const groups = await new sg.FileGroupRepository(to).list()
  expect(groups.map(({ id, name }) => [id, name])).toEqual([
    ['a', 'Logging'],
    ['b', 'mine'],
  ])
  expect((await run('import.mjs')).code).toBe(2)
})

test('a test of a program of one’s own', async () => {
  const before = process.versions.bun ? ['test'] : ['--test']
  const { code, stdout, stderr } = await run('own.test.mjs', { before })
  expect({ code, output: `${stdout}${stderr}` }).toMatchObject({
    code: 0,
    output: expect.stringMatching(/pass/),
  })
})

test('the README shows the first program as it is', () => {
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8')
  const [, program] = readme.match(/```js\n(import[\s\S]*?)```/)
  const example = fs.readFileSync(path.join(root, 'examples', 'first.mjs'), 'utf8')
  expect(example.endsWith(`\n\n${program}`)).toBe(true)
})
