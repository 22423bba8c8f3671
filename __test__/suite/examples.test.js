// Each example does what it says. The demonstration is in demo.test.js.

const { execFile, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
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

/**
 * Runs a program in a directory that has the package, and a `claude` that prints a recorded output, fails, or is missing. Gives
 * the exit code, what was printed, and the arguments of the newest call of `claude`.
 */
const runShown = (program, cwd, claude = 'prints') => {
  const printing = `cat "${path.join(root, 'examples', 'captures', '2.1.330-tools.jsonl')}"`
  const recording = `printf '%s\\n' "$@" > "${path.join(cwd, 'arguments')}"`
  const script = `#!/bin/sh\n${recording}\n${claude === 'prints' ? printing : 'exit 3'}\n`
  fs.mkdirSync(path.join(cwd, 'node_modules'), { recursive: true })
  fs.rmSync(path.join(cwd, 'node_modules', 'session-groups'), { force: true })
  fs.symlinkSync(root, path.join(cwd, 'node_modules', 'session-groups'))
  fs.writeFileSync(path.join(cwd, 'shown.mjs'), program)
  fs.rmSync(path.join(cwd, 'claude'), { force: true })
  if (claude !== 'is missing') fs.writeFileSync(path.join(cwd, 'claude'), script, { mode: 0o755 })
  const env = {
    ...process.env,
    PATH: claude === 'is missing' ? cwd : `${cwd}${path.delimiter}${process.env.PATH}`,
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['shown.mjs'], {
    cwd,
    env,
    encoding: 'utf8',
  })
  const args = path.join(cwd, 'arguments')
  return {
    code: status,
    stdout,
    stderr,
    args: fs.existsSync(args) ? fs.readFileSync(args, 'utf8').trim().split('\n') : [],
  }
}

describe('the documents', () => {
  const [first, second] = programs('docs/without-runner.md')

  test('show the first program as it is, and what it prints', async () => {
    const example = fs.readFileSync(path.join(root, 'examples', 'first.mjs'), 'utf8')
    expect(example.endsWith(`\n\n${first}`)).toBe(true)
    // Bun prints objects in another way.
    if (!process.versions.bun)
      expect(fs.readFileSync(path.join(root, 'docs', 'without-runner.md'), 'utf8')).toContain(
        `\n\`\`\`\n${(await run('first.mjs')).stdout}\`\`\`\n`,
      )
  })

  posix('show a program that runs a session', async () => {
    const { cwd } = await run('first.mjs')
    const repository = new sg.FileGroupRepository(path.join(cwd, 'groups'))
    const { id } = (await repository.list())[0]
    await repository.update(id, ({ config }) => ({
      config: { ...config, model: 'opus', additionalArgs: ['--allowedTools', 'Bash'] },
    }))
    const { code, stdout, stderr, args } = runShown(second, cwd)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('messageCount: 3')
    expect(stdout.trim().endsWith('completed')).toBe(true)
    const group = await repository.findById(id)
    expect(group.status).toBe('completed')
    expect(group.sessions[1]).toMatchObject({ id: 'web', status: 'completed', cost: 0.008802 })
    // The model and the arguments are those of the group, and no option takes the prompt for its own.
    const prompt = args.indexOf('--')
    expect(args.slice(prompt)).toEqual(['--', group.sessions[1].prompt])
    expect(args.slice(prompt - 2, prompt)).toEqual(['--allowedTools', 'Bash'])
    expect(args.join(' ')).toContain('--model opus --permission-mode acceptEdits')
    expect(runShown(second, cwd)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Nothing is left to run'),
    })
  })

  posix('show a program that runs a session again after a failure, a crash, or without claude', async () => {
    const { cwd } = await run('first.mjs')
    const repository = new sg.FileGroupRepository(path.join(cwd, 'groups'))
    const group = async () => (await repository.list())[0]
    expect(runShown(second, cwd, 'is missing')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Cannot run claude in .*: is Claude Code installed\?/),
    })
    expect(await group()).toMatchObject({ status: 'failed', sessions: [{}, { status: 'failed' }] })
    expect(runShown(second, cwd, 'fails')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('exit code 3'),
    })
    await repository.updateSession((await group()).id, 'web', { status: 'active', claudeSessionId: 'c' })
    const { code, args } = runShown(second, cwd)
    expect(code).toBe(0)
    expect(args.join(' ')).toContain('--resume c ')
    expect(await group()).toMatchObject({ status: 'completed', sessions: [{}, { status: 'completed' }] })
  })
})
