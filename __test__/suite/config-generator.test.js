// `ConfigGenerator`, on a file system in memory and on the disk.

const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const { freshDir, makeGroup, makeSession, posix, rejection, thrown } = require('./helpers')

/** A file system in memory, as the tests of `claude-code-agent` have one. */
class MockFileSystem {
  files = new Map()
  directories = new Set()

  async readFile(name) {
    if (!this.files.has(name)) throw new Error(`ENOENT: ${name}`)
    return this.files.get(name)
  }

  async writeFile(name, content) {
    this.files.set(name, content)
  }

  async exists(name) {
    return this.files.has(name) || this.directories.has(name)
  }

  async mkdir(name) {
    this.directories.add(name)
  }
}

const HOMES = ['HOME', 'USERPROFILE', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME']
let former
let home
let fileSystem
let generator

beforeEach(() => {
  former = HOMES.map((name) => process.env[name])
  home = freshDir()
  for (const name of HOMES) delete process.env[name]
  process.env.HOME = home
  process.env.USERPROFILE = home
  fileSystem = new MockFileSystem()
  generator = new sg.ConfigGenerator({ fileSystem })
})

afterEach(() => {
  HOMES.forEach((name, index) => {
    if (former[index] === undefined) delete process.env[name]
    else process.env[name] = former[index]
  })
})

const config = (changes) => ({ generateClaudeMd: true, generateSettings: false, ...changes })
const groupWith = (sessionDefaults) => makeGroup({ config: { ...makeGroup().config, sessionDefaults } })

describe('generateClaudeMd', () => {
  test.each([
    ['Hello {{name}}!', { name: 'World' }, 'Hello World!'],
    ['{{ a }} and {{a}} and {{{a}}}', { a: '<1>' }, '<1> and <1> and <1>'],
    ['{{a}} {{unknown}} {{#section}}{{ x y }}', { a: '1' }, '1 {{unknown}} {{#section}}{{ x y }}'],
    ['{{a}}{{b}}', { a: '{{b}}', b: '{{a}}' }, '{{b}}{{a}}'],
    ['\\{{a}} {{a}}', { a: '1' }, '{{a}} 1'],
    ['{{a}}', { a: undefined }, '{{a}}'],
    ['{{constructor}} {{__proto__}}', {}, '{{constructor}} {{__proto__}}'],
    ['---\nvariables:\n  - { name: a, default: 1 }\n---\n{{a}} {{b}}', { b: '2' }, '1 2'],
    ['---\ntitle: x\n---\n{{a}}', { a: '1' }, '---\ntitle: x\n---\n1'],
    ['---\n[broken\n---\n{{a}}', { a: '1' }, '---\n[broken\n---\n1'],
    ['{{a', { a: '1' }, '{{a'],
    ['\\', {}, '\\'],
    ['', {}, ''],
  ])('%j with %j', (template, variables, expected) => {
    expect(generator.generateClaudeMd(template, variables)).toBe(expected)
  })

  test('refuses what is not text', () => {
    expect(thrown(() => generator.generateClaudeMd(5, {}))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      field: 'template',
    })
    expect(thrown(() => generator.generateClaudeMd('', { a: 5 }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      field: 'variables.a',
    })
  })
})

test('settings are copied', () => {
  const overrides = { logging: { level: 'debug' }, timeout: 5 }
  const settings = generator.generateSettings(overrides)
  expect(settings).toEqual(overrides)
  expect(settings).not.toBe(overrides)
})

describe('resolveTemplate', () => {
  const read = async (name) => {
    const result = await generator.resolveTemplate(name)
    expect(result.isErr()).toBe(!result.isOk())
    return result.isOk() ? result.value : result.error
  }

  test('reads paths as they are, and names from the directory of templates', async () => {
    fileSystem.files.set('/tmp/a.md', 'A').set('./b.md', 'B')
    fileSystem.files.set(`${home}/.config/claude-code-agent/templates/c.md`, 'C')
    fileSystem.files.set('/xdg/claude-code-agent/templates/d.md', 'D')
    expect([await read('/tmp/a.md'), await read('./b.md'), await read('c.md')]).toEqual(['A', 'B', 'C'])
    process.env.XDG_CONFIG_HOME = '/xdg'
    expect(await read('d.md')).toBe('D')
  })

  test('says what is missing', async () => {
    expect(await read('/none.md')).toMatchObject({
      type: 'template_read_failed',
      path: '/none.md',
      cause: expect.any(Error),
    })
    const named = `${home}/.config/claude-code-agent/templates/none.md`
    expect(await read('none.md')).toEqual({ type: 'template_not_found', path: named })
  })
})

describe('generateSessionConfig', () => {
  test('writes the files where the original does, through the container', async () => {
    fileSystem.files.set(
      '/t.md',
      '{{session_id}} {{group_id}} {{group_name}} {{project_path}} {{prompt}} {{model}} {{own}}',
    )
    const defaults = config({
      claudeMdTemplate: '/t.md',
      generateSettings: true,
      settingsOverride: { a: { b: 1 } },
      variables: { own: 'mine', session_id: 'not this' },
    })
    const group = groupWith(defaults)
    const result = await generator.generateSessionConfig(makeSession(), group)
    const configDir = `${home}/.local/share/claude-code-agent/session-groups/${group.id}/sessions/001-api/claude-config`
    expect(result.isOk() && result.value).toEqual({
      configDir,
      claudeMdPath: `${configDir}/CLAUDE.md`,
      settingsPath: `${configDir}/settings.json`,
    })
    expect(fileSystem.directories).toEqual(new Set([configDir]))
    expect(fileSystem.files.get(`${configDir}/CLAUDE.md`)).toBe(
      `001-api ${group.id} Logging /projects/api Add logging sonnet mine`,
    )
    expect(fileSystem.files.get(`${configDir}/settings.json`)).toBe(JSON.stringify({ a: { b: 1 } }, null, 2))
    expect(fs.readdirSync(home)).toEqual([])

    process.env.XDG_DATA_HOME = '/data'
    const moved = await generator.generateSessionConfig(makeSession(), group)
    expect(moved.value.configDir).toBe(configDir.replace(`${home}/.local/share`, '/data'))
  })

  test('takes the configuration of the session, else that of the group', async () => {
    fileSystem.files.set('/group.md', 'group').set('/session.md', 'session')
    const group = groupWith(config({ claudeMdTemplate: '/group.md' }))
    const written = async (session, of = group) => {
      const { claudeMdPath } = (await generator.generateSessionConfig(makeSession(session), of)).value
      return claudeMdPath && fileSystem.files.get(claudeMdPath)
    }
    expect(await written({})).toBe('group')
    expect(await written({ config: config({ claudeMdTemplate: '/session.md' }) })).toBe('session')
    expect(await written({ template: '/session.md' })).toBe('group')
    expect(await written({ template: '/session.md', config: config() })).toBe('session')
    expect(
      await written({ config: config({ generateClaudeMd: false, claudeMdTemplate: '/session.md' }) }),
    ).toBeUndefined()
    expect(await written({ template: '/session.md' }, makeGroup())).toBeUndefined()
  })

  test('does not leave its directory by an id', async () => {
    const session = makeSession({ id: '../../../../x' })
    const { configDir } = (await generator.generateSessionConfig(session, makeGroup({ id: '../../y' }))).value
    expect(configDir).not.toContain('..')
    expect(configDir.startsWith(`${home}/.local/share/claude-code-agent/session-groups/`)).toBe(true)
  })

  test.each([
    ['mkdir', 'mkdir_failed', 'claude-config'],
    ['writeFile', 'config_write_failed', 'CLAUDE.md'],
    ['readFile', 'template_read_failed', '/t.md'],
  ])('names the step that failed: %s', async (method, type, name) => {
    const cause = new Error('broken')
    fileSystem[method] = async () => {
      throw cause
    }
    const group = groupWith(config({ claudeMdTemplate: '/t.md' }))
    if (method !== 'readFile') fileSystem.files.set('/t.md', 'x')
    const result = await generator.generateSessionConfig(makeSession(), group)
    expect(result.isErr() && result.error).toMatchObject({ type, cause, path: expect.stringContaining(name) })
  })

  posix('writes private files on the disk', async () => {
    const template = path.join(home, 't.md')
    fs.writeFileSync(template, 'Hello {{prompt}}')
    const onDisk = new sg.ConfigGenerator(undefined)
    const group = groupWith(
      config({ claudeMdTemplate: template, generateSettings: true, settingsOverride: {} }),
    )
    const generate = async () => (await onDisk.generateSessionConfig(makeSession(), group)).value
    const { configDir, claudeMdPath, settingsPath } = await generate()
    expect(fs.readFileSync(claudeMdPath, 'utf8')).toBe('Hello Add logging')
    const mode = (name) => fs.statSync(name).mode & 0o777
    expect([configDir, claudeMdPath, settingsPath].map(mode)).toEqual([0o700, 0o600, 0o600])
    // A link is replaced, not followed.
    const precious = path.join(home, 'precious')
    fs.writeFileSync(precious, 'precious')
    fs.rmSync(settingsPath)
    fs.symlinkSync(precious, settingsPath)
    await generate()
    expect([fs.readFileSync(precious, 'utf8'), fs.lstatSync(settingsPath).isFile()]).toEqual([
      'precious',
      true,
    ])
  })
})

test('settings that cannot be JSON are not written', async () => {
  const config = { generateClaudeMd: false, generateSettings: true, settingsOverride: { large: 1n } }
  const result = await generator.generateSessionConfig(makeSession({ config }), makeGroup())
  expect([result.isErr(), result.error]).toEqual([
    true,
    {
      type: 'config_write_failed',
      path: expect.stringMatching(/settings\.json$/),
      cause: expect.any(TypeError),
    },
  ])
})

test('arguments of the wrong type are INVALID_ARGUMENT', async () => {
  for (const container of [null, 5, 'x'])
    expect(thrown(() => new sg.ConfigGenerator(container)).code).toBe('INVALID_ARGUMENT')
  expect(await rejection(generator.generateSessionConfig())).toMatchObject({
    code: 'INVALID_ARGUMENT',
    field: 'session',
  })
  expect(await rejection(generator.generateSessionConfig(makeSession()))).toMatchObject({ field: 'group' })
  for (const config of [undefined, null, 5])
    expect(
      await rejection(generator.generateSessionConfig(makeSession(), { id: 'g', config })),
    ).toMatchObject({
      code: 'INVALID_ARGUMENT',
      field: 'group.config',
    })
  expect(thrown(() => new sg.ConfigGenerator({ fileSystem: {} }))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    field: 'container.fileSystem',
  })
  for (const settings of [undefined, null, 'x', []])
    expect(thrown(() => generator.generateSettings(settings))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      field: 'overrides',
    })
  expect(await rejection(generator.resolveTemplate(5))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    field: 'templatePath',
  })
})
