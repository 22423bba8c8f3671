// What the README shows: the demonstration, the live example, and the first program as it is printed there.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { FileGroupRepository } = require('..')
const { capture, freshDir, root } = require('./helpers')

/** Runs a program with this runtime; gives its exit code and what it printed. */
const run = (file, args = [], { input = '', cwd = root } = {}) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [file, ...args], { cwd })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
    child.on('close', (code) => resolve({ code, output }))
    child.stdin.end(input)
  })
const demo = path.join(root, 'examples', 'demo.mjs')
const live = path.join(root, 'examples', 'live.mjs')

test('the demonstration runs its group to the end and shows it again', async () => {
  const { code, output } = await run(demo, ['--fast'])
  expect(code).toBe(0)
  expect(output).not.toContain('\x1b')
  expect(output).toMatch(/001-api-gateway +completed +\$0\.0132/)
  expect(output).toMatch(/003-docs +completed +\$0\.0220/)
  expect(output).toMatch(/004-mobile +failed .*error_max_turns/)
  expect(output).toMatch(/006-app-store +pending .*waits for 004-mobile/)
  const [file] = output.match(/\/\S+meta\.json/)
  const dir = path.dirname(path.dirname(file))
  const [group] = await new FileGroupRepository(dir).list()
  expect(group).toMatchObject({ status: 'failed', id: path.basename(path.dirname(file)) })
  const again = await run(demo, ['--dir', dir])
  expect(again).toMatchObject({ code: 0, output: expect.stringContaining(group.id) })
  fs.rmSync(dir, { recursive: true })
}, 30_000)

test('the demonstration says what it cannot show', async () => {
  const dir = freshDir()
  expect(await run(demo, ['--dir', dir])).toMatchObject({
    code: 0,
    output: expect.stringContaining('No groups'),
  })
  const none = await run(demo, ['--dir', path.join(dir, 'none')])
  expect(none).toMatchObject({ code: 0, output: expect.stringContaining('no directory') })
  expect(await run(demo, ['--wrong'])).toMatchObject({ code: 2, output: expect.stringContaining('usage:') })
}, 30_000)

test('the live example stores the session it reads', async () => {
  const dir = freshDir()
  expect((await run(live, ['--dir', dir], { input: capture('2.1.330-parallel') })).code).toBe(0)
  expect((await run(live, ['--dir', dir], { input: capture('2.1.330-maxturns') })).code).toBe(1)
  const groups = await new FileGroupRepository(dir).list()
  expect(groups.map(({ status }) => status).sort()).toEqual(['completed', 'failed'])
  expect(groups.at(-1).sessions[0]).toMatchObject({
    claudeSessionId: expect.any(String),
    cost: expect.any(Number),
  })
}, 30_000)

test('the first program of the README runs as printed', async () => {
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8')
  const [, program] = readme.match(/## A first program\n\n```js\n([\s\S]*?)```/)
  // Inside the package, where it can import the package by its name.
  const dir = fs.mkdtempSync(path.join(root, 'target', 'readme-'))
  fs.writeFileSync(path.join(dir, 'first.mjs'), program)
  const { code, output } = await run(path.join(dir, 'first.mjs'), [], { cwd: dir })
  fs.rmSync(dir, { recursive: true })
  expect(output).toContain('totalCost: 0.12')
  expect(code).toBe(0)
}, 30_000)
