// The programs about running groups, in README.md, docs/running.md and examples/, with a program that stands in for Claude Code.

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const { freshDir, makeGroup, makeSession, posix, root } = require('./helpers')

const claude = path.join(root, 'target', 'fake-claude', 'claude')

/** Runs a program. Gives its exit code and what it printed. */
const run = (args, { cwd, env = {}, program = process.execPath } = {}) =>
  new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, SESSION_GROUPS_CLAUDE: claude, ...env } }
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    )
  })

/** The programs that a page shows in a language. */
const shown = (language, page = path.join('docs', 'running.md')) => {
  const text = fs.readFileSync(path.join(root, page), 'utf8')
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code]) => code)
}

/** A directory in which the package is installed. */
const project = () => {
  const dir = freshDir()
  fs.mkdirSync(path.join(dir, 'node_modules'))
  fs.symlinkSync(root, path.join(dir, 'node_modules', 'session-groups'))
  fs.writeFileSync(path.join(dir, 'package.json'), '{ "type": "module" }')
  return dir
}

const options = {
  target: 'es2022',
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  types: ['node'],
  typeRoots: [path.join(root, 'node_modules', '@types')],
}

/** Compiles a strict TypeScript program, and runs it. Gives its exit code, what it printed, and the groups it has stored. */
const compileAndRun = async (program) => {
  const cwd = project()
  fs.writeFileSync(path.join(cwd, 'run.ts'), program)
  fs.writeFileSync(
    path.join(cwd, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['run.ts'] }),
  )
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const compiled = await run([tsc, '--project', '.', '--pretty', 'false'], { cwd })
  expect(compiled).toEqual({ code: 0, stdout: '', stderr: '' })
  const home = freshDir()
  const ended = await run(['run.js'], { cwd, env: { HOME: home } })
  const store = path.join(home, '.local', 'claude-code-agent', 'session-groups')
  return { ...ended, groups: await new sg.FileGroupRepository(store).list() }
}
const allCompleted = [{ status: 'completed' }, { status: 'completed' }]

posix('the guide’s TypeScript program is strict, creates a group and runs it', async () => {
  const [program] = shown('ts')
  expect(program.trim().split('\n').length).toBeLessThanOrEqual(33)
  const { code, stdout, stderr, groups } = await compileAndRun(program)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^2 completed, \$0\.0\d$/m)
  expect(stdout.trim().split('\n').at(-1)).toBe('completed')
  expect(groups).toMatchObject([{ name: 'Logging everywhere', status: 'completed', sessions: allCompleted }])
})

posix('the TypeScript program of README.md is strict, creates a group and runs it', async () => {
  const [program, ...others] = shown('ts', 'README.md')
  expect(others).toEqual([])
  expect(program.trim().split('\n').length).toBeLessThanOrEqual(33)
  const { code, stdout, stderr, groups } = await compileAndRun(program)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^client starts$/m)
  expect(stdout).toMatch(/^api completed \$0\.0\d\nclient completed \$0\.0\d\n$/m)
  expect(groups).toMatchObject([{ name: 'payments', status: 'completed', sessions: allCompleted }])
})

test('the guide’s other code is JavaScript', () => {
  const modules = shown('js')
  expect(modules.length).toBeGreaterThan(4)
  for (const code of modules) {
    const body = code.replace(/^import .*$/gm, '')
    expect(() => new Function(`return async () => {${body}}`)).not.toThrow()
  }
})

describe('examples', () => {
  const stored = async (behaviour) => {
    const dir = freshDir()
    const store = path.join(dir, 'groups')
    const repository = new sg.FileGroupRepository(store)
    const [one, other] = ['api', 'web'].map((id) => path.join(dir, id))
    for (const directory of [one, other]) fs.mkdirSync(directory)
    const group = makeGroup({
      sessions: [
        makeSession({ id: 'api', projectPath: one }),
        makeSession({ id: 'web', projectPath: other, dependsOn: ['api'] }),
      ],
    })
    await repository.save(group)
    return { repository, id: group.id, store, env: { FAKE_BEHAVIOUR: behaviour } }
  }
  const example = (name) => path.join(root, 'examples', name)

  posix('running a group', async () => {
    const { repository, id, store, env } = await stored('answers')
    const { code, stdout, stderr } = await run([example('run.mjs'), '--dir', store], { env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^api starts$/m)
    expect(stdout).toMatch(/^web has completed for \$0\.0\d+$/m)
    expect(stdout).toMatch(/^2 of 2 sessions have completed, /m)
    expect((await repository.findById(id)).status).toBe('completed')
    expect(await run([example('run.mjs'), '--dir', store, 'none'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('NOT_FOUND'),
    })
  })

  posix('controlling a group from another process', async () => {
    const { repository, id, store, env } = await stored('works_on')
    const running = run([example('run.mjs'), '--dir', store], { env })
    for await (const { group } of repository.watch({ id }))
      if (group.sessions[0].status === 'active' && group.sessions[0].attempts[0].process) break
    expect(await run([example('control.mjs'), 'pause', id, '--dir', store])).toMatchObject({
      code: 0,
      stdout: 'The group is paused\n',
    })
    expect(await running).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('The group is paused: manual'),
    })
    expect(await run([example('control.mjs'), 'resume', id, '--dir', store])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('INVALID_STATE'),
    })
  })

  posix('a test with a process manager of one’s own', async () => {
    const before = process.versions.bun ? ['test'] : ['--test']
    const { code, stdout, stderr } = await run([...before, example('runner.test.mjs')])
    expect({ code, output: `${stdout}${stderr}` }).toMatchObject({
      code: 0,
      output: expect.stringMatching(/pass/),
    })
  })
})
