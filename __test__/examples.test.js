// Each example does what it says. The demonstration has tests of its own.

const { execFile, execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const sg = require('..')
const { capture, freshDir, makeGroup, posix, root } = require('./helpers')

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

/** The programs that a page shows. */
const programs = (page) => {
  const text = fs.readFileSync(path.join(root, page), 'utf8')
  return [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, program]) => program)
}

/** Runs a program in a directory that has the package, and a `claude` that prints a recorded output. */
const runShown = (program, cwd) => {
  const claude = `#!/bin/sh\ncat "${path.join(root, 'examples', 'captures', '2.1.330-tools.jsonl')}"\n`
  fs.mkdirSync(path.join(cwd, 'node_modules'))
  fs.symlinkSync(root, path.join(cwd, 'node_modules', 'session-groups'))
  fs.writeFileSync(path.join(cwd, 'shown.mjs'), program)
  fs.writeFileSync(path.join(cwd, 'claude'), claude, { mode: 0o755 })
  const env = { ...process.env, PATH: `${cwd}${path.delimiter}${process.env.PATH}` }
  return execFileSync(process.execPath, ['shown.mjs'], { cwd, env, encoding: 'utf8' })
}

describe('the documents', () => {
  const [first, second] = programs('README.md')

  test('show the first program as it is, and what it prints', async () => {
    const example = fs.readFileSync(path.join(root, 'examples', 'first.mjs'), 'utf8')
    expect(example.endsWith(`\n\n${first}`)).toBe(true)
    // Bun prints objects in another way.
    if (!process.versions.bun)
      expect(fs.readFileSync(path.join(root, 'README.md'), 'utf8')).toContain(
        `\n\`\`\`\n${(await run('first.mjs')).stdout}\`\`\`\n`,
      )
  })

  posix('show a program that runs a session', async () => {
    const { cwd } = await run('first.mjs')
    const stdout = runShown(second, cwd)
    expect(stdout).toContain('messageCount: 3')
    expect(stdout.trim().endsWith('completed')).toBe(true)
    const [group] = await new sg.FileGroupRepository(path.join(cwd, 'groups')).list()
    expect(group.sessions[1]).toMatchObject({ id: 'web', status: 'completed', cost: 0.008802 })
  })

  posix('show a program that runs a group', async () => {
    const cwd = freshDir()
    const repository = new sg.FileGroupRepository(path.join(cwd, 'groups'))
    const group = makeGroup()
    group.sessions[0].status = 'active'
    await repository.save({ ...group, sessions: group.sessions.map((one) => ({ ...one, projectPath: cwd })) })
    expect(runShown(programs('docs/running.md').join('\n'), cwd)).toContain('totalCost: 0.017604')
    const [ended] = await repository.list()
    expect(ended).toMatchObject({ status: 'completed', completedAt: expect.any(String) })
    for (const session of ended.sessions)
      expect(session).toMatchObject({
        status: 'completed',
        cost: 0.008802,
        claudeSessionId: expect.any(String),
      })
  })
})
