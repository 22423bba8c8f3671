const fs = require('node:fs')
const util = require('node:util')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const sg = require('../..')
const { freshDir, makeGroup, makeSession, rejection, root, runScript, thrown } = require('./helpers')
const { RUN_FROM } = require('./helpers/runner')

const { SessionGroupsError } = sg

test('an error is of a real class', () => {
  const error = thrown(() => sg.calculateBudgetUsage('x', 1))
  expect(error instanceof SessionGroupsError).toBe(true)
  expect(util.types.isNativeError(error)).toBe(true)
  expect(error.name).toBe('SessionGroupsError')
  expect(String(error)).toBe(`SessionGroupsError: ${error.message}`)
  expect(Object.keys(error).sort()).toEqual(['code', 'field'])
  expect(util.types.isNativeError(SessionGroupsError.prototype)).toBe(false)
})

test('the class can be used and extended', () => {
  const cause = new Error('below')
  const error = new SessionGroupsError('busy', { code: 'LOCK_TIMEOUT', groupId: 'g', path: '/p', cause })
  expect(error).toMatchObject({ message: 'busy', code: 'LOCK_TIMEOUT', groupId: 'g', path: '/p' })
  expect(error.cause).toBe(cause)
  expect('field' in error).toBe(false)
  class Mine extends SessionGroupsError {}
  expect(new Mine('x', { code: 'IO' }) instanceof SessionGroupsError).toBe(true)
})

test('a circular dependency has a class of its own', () => {
  const session = (id, ...dependsOn) => ({ id, dependsOn, status: 'pending' })
  const error = thrown(() => new sg.DependencyGraph([session('a', 'b'), session('b', 'a')]))
  expect(error instanceof sg.CircularDependencyError).toBe(true)
  expect(error instanceof SessionGroupsError).toBe(true)
  expect(util.types.isNativeError(error)).toBe(true)
  expect(error.name).toBe('CircularDependencyError')
  expect(error.stack.split('\n')[0]).toBe(`CircularDependencyError: ${error.message}`)
  expect(Object.keys(error).sort()).toEqual(['code', 'cycle', 'cycles'])
  expect(Object.getPrototypeOf(error.cycles)).toBe(Array.prototype)
  const cause = new Error('below')
  const own = new sg.CircularDependencyError('mine', { cycles: [['a'], ['b']], groupId: 'g', cause })
  expect(own).toMatchObject({ code: 'CIRCULAR_DEPENDENCY', cycle: ['a'], groupId: 'g', cause })
})

test('a rejection is one, too', async () => {
  expect((await rejection(new sg.InMemoryGroupRepository().findById(5))) instanceof SessionGroupsError).toBe(
    true,
  )
})

// JavaScriptCore follows an await only to an async function, and the addon's promise stands between.
const showsCaller = process.versions.bun ? 'index.js' : 'errors.test.js'

test('the stack of an error from another thread shows the callers that await it', async () => {
  const repository = new sg.FileGroupRepository(freshDir())
  const group = makeGroup({ name: 5 })
  const error = await rejection(repository.save(group))
  expect(error.stack.split('\n')[0]).toBe(`SessionGroupsError: ${error.message}`)
  expect(error.stack).toContain(showsCaller)
  expect(Object.keys(error).sort()).toEqual(['code', 'field', 'groupId'])

  await repository.save(makeGroup())
  const changed = await rejection(repository.update(group.id, () => ({ name: 5 })))
  expect(changed.stack).toContain(showsCaller)
  // `Error.prepareStackTrace` may be replaced, so that `stack` need not be a string.
  const { prepareStackTrace } = Error
  Error.prepareStackTrace = () => ({})
  const odd = await rejection(repository.save(group)).finally(() => {
    Error.prepareStackTrace = prepareStackTrace
  })
  expect(odd.code).toBe('INVALID_GROUP')
  // An error thrown by the function is passed on unchanged.
  const mine = new Error('mine')
  const { stack } = mine
  const thrower = () => {
    throw mine
  }
  expect(await rejection(repository.update(group.id, thrower))).toBe(mine)
  expect(mine.stack).toBe(stack)
})

describe.each(RUN_FROM)('the stack of an error shows the line that called, in %s', (_, create) => {
  const repository = create()
  const manager = new sg.GroupManager(undefined, repository)
  const runner = new sg.GroupRunner(undefined, repository)
  test.each(
    Object.entries({
      updateGroup: async () => await manager.updateGroup('none', { name: 'x' }),
      addSession: async () => await manager.addSession('none', makeSession()),
      removeSession: async () => await manager.removeSession('none', 'a'),
      updateSession: async () => await manager.updateSession('none', 'a', { cost: 1 }),
      archiveGroup: async () => await manager.archiveGroup('none'),
      deleteGroup: async () => await manager.deleteGroup('none'),
      run: async () => await runner.run('none'),
      'run with a wrong option': async () => await runner.run('none', { maxConcurrent: 0 }),
      retry: async () => await runner.retry('none'),
      plan: async () => await runner.plan('none'),
      control: async () => await sg.control(repository, 'none', 'pause'),
    }),
  )('%s', async (_name, call) => {
    try {
      await call()
    } catch (error) {
      if (process.platform === 'win32' && error.code === 'UNSUPPORTED') return
      expect(error.code).toMatch(/^(NOT_FOUND|INVALID_ARGUMENT)$/)
      expect(error.stack).toContain('errors.test.js')
      return
    }
    throw new Error('nothing was thrown')
  })
})

test('the stack of an error of an iterator shows the loop', async () => {
  const directory = freshDir()
  const repository = new sg.FileGroupRepository(directory)
  await repository.save(makeGroup())
  fs.mkdirSync(path.join(directory, makeGroup().id, 'events.jsonl'))
  const read = async () => {
    for await (const event of repository.events(makeGroup().id)) throw new Error(event.type)
  }
  const error = await rejection(read())
  expect(error.code).toBe('CORRUPT')
  expect(error.stack.split('\n')[0]).toBe(`SessionGroupsError: ${error.message}`)
  expect(error.stack).toContain('errors.test.js')
})

test('no argument at all rejects and never throws', async () => {
  for (const repository of [new sg.InMemoryGroupRepository(), new sg.FileGroupRepository('/nowhere')]) {
    for (const method of [
      'findById',
      'findByStatus',
      'save',
      'update',
      'updateSession',
      'delete',
      'revision',
    ]) {
      const promise = repository[method]()
      expect(typeof promise.then).toBe('function')
      expect((await rejection(promise)) instanceof SessionGroupsError).toBe(true)
    }
  }
})

test.each(['FileGroupRepository', 'InMemoryGroupRepository', 'ClaudeStream', 'ProgressAggregator'])(
  '%s without `new` says so, and leaves `this` alone',
  (name) => {
    const group = makeGroup()
    for (const call of [
      () => sg[name](group.sessions[0]),
      sg[name].bind(undefined),
      sg[name].bind({ a: 1 }),
    ]) {
      const error = thrown(call)
      expect(error).toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: `${name} is a class: call it with \`new\``,
      })
      expect(error instanceof SessionGroupsError).toBe(true)
    }
    class Mine extends sg[name] {}
    expect(new Mine(...(name === 'ClaudeStream' ? [group.sessions[0]] : [])) instanceof sg[name]).toBe(true)
  },
)

test('NaN is called by its name, although JSON has none', async () => {
  const group = makeGroup()
  group.sessions[0].cost = Number.NaN
  expect((await rejection(new sg.InMemoryGroupRepository().save(group))).message).toContain(
    'sessions[0].cost must be a number of 0 or more, but is null, which is what JSON makes of NaN',
  )
})

test('a promise that nobody awaited is called by its name', async () => {
  const repository = new sg.InMemoryGroupRepository()
  const promise = repository.findById('a')
  for (const call of [
    () => repository.save(promise),
    () => repository.update('a', promise),
    async () => new sg.ProgressAggregator().computeProgress(promise),
    async () => new sg.ClaudeStream(promise),
  ])
    expect((await rejection(call())).message).toMatch(/must be an object, but is a promise: await it$/)
})

test('what was given is shown as JavaScript shows it', async () => {
  expect(thrown(() => sg.isBudgetExceeded(Number.POSITIVE_INFINITY, 1)).message).toMatch(/but is Infinity$/)
  expect(thrown(() => sg.parseGroupEvent('')).message).toMatch(/but is empty$/)
  const stream = new sg.ClaudeStream(makeGroup().sessions[0])
  expect(thrown(() => stream.push(null)).message).toMatch(/but is null$/)
  expect(thrown(() => stream.end(0)).message).toMatch(/but is 0$/)
})

test('a function of update that returns nothing is told so', async () => {
  const repository = new sg.InMemoryGroupRepository()
  const group = makeGroup()
  await repository.save(group)
  const told = async (changes) => (await rejection(repository.update(group.id, changes))).message
  expect(await told(() => {})).toBe('changes must return an object, but returned undefined')
  expect(await told(async () => ({}))).toContain('must be a synchronous function')
})

test('an async function of update that fails is told once, and ends no process', async () => {
  const script = `const failing = async () => { throw new Error('boo') }
    const group = ${JSON.stringify(makeGroup())}
    ;(async () => {
      for (const repository of [new sg.InMemoryGroupRepository(), new sg.FileGroupRepository(process.env.DIR)]) {
        await repository.save(group)
        await repository.update(group.id, failing).catch(({ code }) => console.log(code))
      }
    })()`
  const ended = await runScript(script, { env: { DIR: freshDir() } })
  expect(ended).toEqual({ code: 0, stdout: 'INVALID_ARGUMENT\nINVALID_ARGUMENT', stderr: '' })
})

test('what getters throw becomes an error with its message', async () => {
  const throwing = Object.defineProperty({}, 'limit', {
    enumerable: true,
    get: () => {
      throw new Error('boo')
    },
  })
  const repository = new sg.InMemoryGroupRepository()
  for (const call of [() => repository.list(throwing), () => repository.update('g', throwing)]) {
    expect((await rejection(call())).message).toContain('boo')
  }
})

test('in worker threads each has its class', async () => {
  const script = `const sg = require(${JSON.stringify(root)})
    const { parentPort } = require('node:worker_threads')
    new sg.InMemoryGroupRepository().findById(5).catch((error) =>
      parentPort.postMessage([error instanceof sg.SessionGroupsError, error instanceof Error, error.code]))`
  const worker = new Worker(script, { eval: true })
  const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  expect(answer).toEqual([true, true, 'INVALID_ARGUMENT'])
  await worker.terminate()
})

test('everything can be imported by name', async () => {
  const names = Object.keys(sg)
  const file = path.join(root, 'index.js')
  const script = `import(${JSON.stringify(require('node:url').pathToFileURL(file).href)}).then((all) => console.log(${JSON.stringify(names)}.every((name) => all[name] === sg[name]), Object.keys(all).filter((name) => name !== 'default' && name !== 'module.exports').length))`
  expect((await runScript(script)).stdout).toBe(`true ${names.length}`)
})

test('copies of index.js in one realm share the classes', () => {
  const script = `const file = require.resolve(${JSON.stringify(root)})
    delete require.cache[file]
    const copy = require(file)
    try { sg.isBudgetExceeded() } catch (error) { console.log(copy !== sg, error instanceof copy.SessionGroupsError, error instanceof sg.SessionGroupsError) }
    try { new copy.DependencyGraph([{ id: 'a', dependsOn: ['a'], status: 'pending' }]) } catch (error) { console.log(error instanceof copy.CircularDependencyError, error instanceof sg.CircularDependencyError) }`
  return expect(runScript(script)).resolves.toMatchObject({ stdout: 'true true true\ntrue true' })
})

test('another JSON of somebody else makes no difference', async () => {
  const script = `JSON.parse = JSON.stringify = () => { throw new Error('not mine') }; console.log(sg.parseGroupEvent('{"type":"group_resumed","timestamp":"2026-01-01T00:00:00Z","groupId":"g","pendingSessions":1}').groupId)`
  expect((await runScript(script)).stdout).toBe('g')
})
