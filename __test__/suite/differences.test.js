// Deliberate differences from the original: the tables of docs/from-claude-code-agent.md have exactly these rows, and each is true.
// Those of the store and the data are proven here, those of the manager and the runner by the tests that are named.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const { freshDir, makeGroup, makeSession, rejection, root, runScript, thrown, TIME } = require('./helpers')

const group = makeGroup()
const { id } = group
const meta = (dir, name = id) => path.join(dir, name, 'meta.json')
const inFiles = () => {
  const dir = freshDir()
  return { dir, repository: new sg.FileGroupRepository(dir, { durability: 'process' }) }
}
const repositories = () => [inFiles().repository, new sg.InMemoryGroupRepository()]
const progress = (id, changes) => ({ ...sg.createSessionProgress(makeSession({ id })), ...changes })
const posix = process.platform !== 'win32'

/** The beginning of a row's first cell, and a proof of what its second cell says. */
const DIFFERENCES = {
  'many concurrent updates': async () => {
    const { dir, repository } = inFiles()
    await repository.save(group)
    const script = `const r = new sg.FileGroupRepository(${JSON.stringify(dir)}, { durability: 'process' })
      const add = ({ sum = 0 }) => ({ sum: sum + 1 })
      Promise.all(Array.from({ length: 20 }, () => r.update('${id}', add))).then(() => console.log('done'))`
    const runs = await Promise.all([runScript(script), runScript(script), runScript(script)])
    expect(runs.map(({ stdout }) => stdout)).toEqual(['done', 'done', 'done'])
    expect((await repository.findById(id)).sum).toBe(60)
  },

  'no fsync; a rename error': async () => {
    const { dir, repository } = inFiles()
    await repository.save(group)
    const before = fs.statSync(meta(dir)).ino
    await repository.update(id, { name: 'B' })
    // Another file, and nothing left of writing it. What happens when a step fails is in faults/.
    expect(fs.statSync(meta(dir)).ino).not.toBe(before)
    expect(fs.readdirSync(path.join(dir, id)).filter((name) => name.startsWith('.'))).toEqual([])
  },

  'an id such as `../x`': async () => {
    for (const repository of repositories()) {
      expect(await repository.findById('../x')).toBe(null)
      expect(await repository.updateSession('../x', 's', {})).toBe(false)
      expect(await repository.delete('../x')).toBe(false)
      expect((await rejection(repository.save(makeGroup({ id: '../x' })))).code).toBe('INVALID_ID')
    }
  },

  'a corrupt file is "not found"': async () => {
    const { dir, repository } = inFiles()
    await repository.save(group)
    fs.mkdirSync(path.join(dir, 'broken'))
    fs.writeFileSync(meta(dir, 'broken'), '{')
    for (const call of [
      () => repository.findById('broken'),
      () => repository.save(makeGroup({ id: 'broken' })),
      () => repository.update('broken', {}),
    ])
      expect((await rejection(call())).code).toBe('CORRUPT')
    expect(await repository.list()).toEqual([group])
    expect(await repository.verify()).toMatchObject([{ id: 'broken', kind: 'corrupt' }])
    expect(fs.readFileSync(meta(dir, 'broken'), 'utf8')).toBe('{')
    expect(await repository.delete('broken')).toBe(true)
  },

  'offset and limit are applied before the sort': async () => {
    for (const repository of repositories()) {
      for (const name of ['b', 'c', 'a']) await repository.save(makeGroup({ id: `${name}${name}`, name }))
      const page = await repository.list({ limit: 1, offset: 1 }, { field: 'name', direction: 'desc' })
      expect(page.map(({ name }) => name)).toEqual(['b'])
      expect(await repository.count({ limit: 1, offset: 1 })).toBe(3)
    }
  },

  'an invalid date or a negative limit': async () => {
    for (const repository of repositories()) {
      for (const filter of [{ since: new Date(Number.NaN) }, { limit: -1 }])
        expect((await rejection(repository.list(filter))).code).toBe('INVALID_FILTER')
    }
  },

  'any value is stored': async () => {
    for (const repository of repositories()) {
      const sessions = [makeSession({ cost: -1 })]
      for (const wrong of [{ status: 'bogus' }, { sessions }, { sessions: [makeSession(), makeSession()] }])
        expect((await rejection(repository.save(makeGroup(wrong)))).code).toBe('INVALID_GROUP')
      await repository.save(group)
      expect((await rejection(repository.update(id, { id: 'b' }))).code).toBe('INVALID_ARGUMENT')
      expect((await rejection(repository.updateSession(id, '001-api', { id: 'b' }))).code).toBe(
        'INVALID_ARGUMENT',
      )
    }
  },

  'the in-memory repository and the aggregator': async () => {
    const repository = new sg.InMemoryGroupRepository()
    const mine = makeGroup()
    await repository.save(mine)
    mine.name = 'changed'
    ;(await repository.findById(id)).sessions[0].prompt = 'changed'
    ;(await repository.list())[0].name = 'changed'
    expect(await repository.findById(id)).toEqual(group)
    const aggregator = new sg.ProgressAggregator()
    const session = progress('a', { cost: 1 })
    aggregator.updateSession(session)
    session.cost = 2
    aggregator.getSessionProgress('a').cost = 3
    aggregator.getAllSessions()[0].cost = 4
    expect(aggregator.getSessionProgress('a').cost).toBe(1)
  },

  '`new FileGroupRepository(fs, clock, baseDir?)`': async () => {
    expect(thrown(() => new sg.FileGroupRepository({}, {}, freshDir())).code).toBe('INVALID_ARGUMENT')
    const dir = freshDir()
    await new sg.FileGroupRepository(dir, { durability: 'process', lockTimeoutMs: 100 }).save(group)
    expect(fs.existsSync(meta(dir))).toBe(true)
  },

  '`list` without a sort': async () => {
    for (const repository of repositories()) {
      for (const id of ['c', 'a', 'b']) await repository.save(makeGroup({ id }))
      expect((await repository.list()).map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    }
  },

  '`GroupFilter.since` is a `Date`': async () => {
    for (const repository of repositories()) {
      await repository.save(group)
      for (const since of [new Date(TIME), TIME]) expect(await repository.count({ since })).toBe(1)
    }
  },

  '`pending` sessions are counted nowhere': () => {
    expect(new sg.ProgressAggregator().computeProgress(group)).toMatchObject({ totalSessions: 2, pending: 2 })
  },

  '`computeProgress` counts by the stored status': () => {
    const aggregator = new sg.ProgressAggregator()
    const sessions = [makeSession({ id: 'a', cost: 5 }), makeSession({ id: 'b', cost: 0.25 })]
    aggregator.updateSession(progress('a', { status: 'completed', cost: 1 }))
    expect(aggregator.computeProgress(makeGroup({ sessions }))).toMatchObject({
      completed: 1,
      pending: 1,
      totalCost: 1.25,
    })
  },

  'the duration of a finished or paused session': () => {
    const times = { startedAt: TIME, completedAt: '2026-01-15T10:30:05.000Z' }
    const duration = (changes) => sg.createSessionProgress(makeSession({ ...times, ...changes })).durationMs
    expect(duration({ status: 'completed' })).toBe(5000)
    expect(duration({ status: 'completed', runMs: 65_000 })).toBe(65_000)
    expect(duration({ status: 'paused', runMs: 65_000 })).toBe(65_000)
  },

  'the estimate ignores pending sessions': () => {
    const sessions = ['a', 'b', 'c', 'd'].map((id) => makeSession({ id, dependsOn: id === 'd' ? ['c'] : [] }))
    const aggregator = new sg.ProgressAggregator()
    aggregator.updateSession(progress('a', { status: 'completed', durationMs: 100 }))
    const left = (maxConcurrentSessions) =>
      aggregator.computeProgress(makeGroup({ sessions, config: { ...group.config, maxConcurrentSessions } }))
        .estimatedTimeRemaining
    expect([left(3), left(1)]).toEqual([200, 300])
  },

  '`DependencyGraph` ignores that sessions are stored': () => {
    const session = (id, dependsOn, status = 'pending') => makeSession({ id, dependsOn, status })
    const graph = new sg.DependencyGraph([session('a', [], 'completed'), session('b', ['a'])])
    expect(graph.getReadySessions()).toMatchObject([{ id: 'b' }])
    expect([...graph.getCompleted()]).toEqual(['a'])
    const circle = [session('a', ['b']), session('b', ['c']), session('c', ['b'])]
    expect(thrown(() => new sg.DependencyGraph(circle)).cycle).toEqual(['b', 'c'])
  },

  'ready sessions are in the group’s order': () => {
    const dependencies = { a: [], b: [], c: ['b'] }
    const sessions = Object.entries(dependencies).map(([id, dependsOn]) => makeSession({ id, dependsOn }))
    const graph = new sg.DependencyGraph(sessions)
    expect(graph.getReadySessions().map(({ id }) => id)).toEqual(['b', 'a'])
    graph.markStarted('b')
    expect(graph.getReadySessions().map(({ id }) => id)).toEqual(['a'])
  },

  'money is summed in floating point': () => {
    const aggregator = new sg.ProgressAggregator()
    for (let index = 0; index < 10; index++) aggregator.updateSession(progress(`s${index}`, { cost: 0.1 }))
    expect(aggregator.summary().totalCost).toBe(1)
    for (const call of [
      () => sg.calculateBudgetUsage(Number.NaN, 1),
      () => aggregator.updateSession(progress('a', { cost: Number.NaN })),
    ])
      expect(thrown(call).code).toBe('INVALID_ARGUMENT')
  },

  'lock files outlive their process': async () => {
    const { dir, repository } = inFiles()
    await repository.save(group)
    const script = `const sg = require(${JSON.stringify(root)})
      const r = new sg.FileGroupRepository(${JSON.stringify(dir)})
      const write = () => r.update('${id}', {}).then(() => { process.stdout.write('.'); return write() })
      write()`
    const writer = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => writer.stdout.once('data', resolve))
    const closed = new Promise((resolve) => writer.once('close', resolve))
    writer.kill('SIGKILL')
    await closed
    const soon = new sg.FileGroupRepository(dir, { lockTimeoutMs: 5000 })
    expect(await soon.update(id, { name: 'after it' })).toMatchObject({ name: 'after it' })
  },

  'files are readable by everyone': async () => {
    const { dir, repository } = inFiles()
    await repository.save(group)
    if (posix) {
      expect(fs.statSync(meta(dir)).mode & 0o777).toBe(0o600)
      expect(fs.statSync(path.join(dir, id)).mode & 0o777).toBe(0o700)
    }
  },

  '`SessionStartedEvent` of the SDK’s index': () => {
    const started = { timestamp: TIME, groupId: id, sessionId: 's', projectPath: '/p', prompt: 'x' }
    const parse = (type) => sg.parseGroupEvent(JSON.stringify({ type, ...started }))
    expect(parse('group_session_started')).toMatchObject(started)
    expect(thrown(() => parse('session_started')).code).toBe('INVALID_EVENT')
  },

  'both programs on one store at once': async () => {
    const { dir, repository } = inFiles()
    await repository.save(group)
    // A lock of the original is not heeded here, as ours are not there.
    fs.writeFileSync(`${meta(dir)}.lock`, String(process.pid))
    expect(await repository.updateSession(id, '001-api', { cost: 1 })).toBe(true)
    expect(fs.existsSync(`${meta(dir)}.lock`)).toBe(true)
  },
}

/** The beginning of a row's first cell, and the tests that prove its second cell, by their file in this folder. */
const MANAGER = {
  '`createGroup` overwrites': {
    'manager.test.js': [
      'numbers groups that are created at once',
      'does not replace a default by `undefined`',
    ],
  },
  '`addSession`, `removeSession` and `updateSession`': {
    'manager.test.js': [
      'adds sessions whose dependencies exist and form no circle',
      'removes a session that others depend on only by force',
    ],
  },
  '`updateGroup` changes any status': {
    'manager.test.js': [
      'does not take a group out of the archive',
      'is neither deleted nor given another status, and can be changed otherwise',
      'merges fields, and removes those that are `undefined`',
    ],
  },
  '`deleteGroup` emits': { 'manager.test.js': ['deletes a group and says so'] },
  'a failed `GroupManager` call': { 'manager.test.js': ['names what does not exist'] },
  '`generateClaudeMd` renders': { 'config-generator.test.js': ['generateClaudeMd'] },
  'the ids of a group and a session': {
    'config-generator.test.js': ['does not leave its directory by an id'],
  },
}

const RUNNER = {
  '`run` takes a group object': { 'runner.test.js': ['of a group object only the id is used'] },
  'a session may be started twice': {
    'runner.test.js': [
      'dependencies that completed before count, and nothing is started twice',
      'a failed session fails the group, and its dependants are not reached',
    ],
  },
  '`pause` and `stop` send': {
    'runner.test.js': ['a stop leaves sessions that can be resumed'],
    'runner-processes.test.js': [
      'a pause interrupts, so that costs are known, and a resume goes on with the conversation',
    ],
  },
  'the runner stores no costs': {
    'runner.test.js': ['what a session prints is stored: cost, tokens and conversation', 'the budget holds'],
    'runner-processes.test.js': ['a group runs, and its costs add up to what was billed'],
  },
  'a crash of the runner': { 'runner-processes.test.js': ['a killed program loses nothing'] },
  'after a `CircularDependencyError`': {
    'runner.test.js': ['a cycle is rejected, and the runner can be used again'],
  },
  '`CLAUDE_CONFIG_DIR` of each session': {
    'runner.test.js': ['the process manager gets the command, the directory, the environment and the prompt'],
  },
  'the prompt is an argument': {
    'runner.test.js': ['the process manager gets the command, the directory, the environment and the prompt'],
  },
  '`dependency_waiting` and `session_progress`': {
    'runner.test.js': ['events come in order', 'all types of events are emitted'],
  },
}

/** The rows of the table below a heading, as `[the original, here]`. */
const rows = (heading) => {
  const page = fs.readFileSync(path.join(root, 'docs', 'from-claude-code-agent.md'), 'utf8')
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))
  const cells = [...section.matchAll(/^\| (.+) \| (.+) \|$/gm)].map(([, original, here]) => [original, here])
  return cells.filter(([original]) => original !== 'the original')
}

test.each([
  ['Where the store and the data differ', DIFFERENCES],
  ['Where the manager and the configuration differ', MANAGER],
  ['Where the runner differs', RUNNER],
])('the page lists exactly these differences: %s', (heading, differences) => {
  const names = Object.keys(differences)
  expect(rows(heading).length).toBe(names.length)
  for (const [index, [original, here]] of rows(heading).entries()) {
    expect(original.replaceAll("'", '’').startsWith(names[index]) ? names[index] : original).toBe(
      names[index],
    )
    // The codes that a row names are real ones.
    for (const [, code] of here.matchAll(/`([A-Z_]+)`/g))
      expect(fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8')).toContain(`'${code}'`)
  }
})

test.each(Object.entries({ ...MANAGER, ...RUNNER }))('other tests prove: %s', (_, tests) => {
  for (const [file, names] of Object.entries(tests)) {
    const source = fs.readFileSync(path.join(__dirname, file), 'utf8')
    const defined = [...source.matchAll(/\b(?:describe|test|posix|onLinux)\(\s*'([^'\n]+)',/g)]
    expect(defined.map(([, name]) => name)).toEqual(expect.arrayContaining(names))
  }
})

describe('instead of the original, where', () => {
  for (const [original, holds] of Object.entries(DIFFERENCES)) test(original, holds)
})
