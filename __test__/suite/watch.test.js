// `watch`: one behaviour for all repositories, on JavaScript's side and in the lifetime of processes and worker threads.

const { Worker } = require('node:worker_threads')
const sg = require('../..')
const { freshDir, makeGroup, makeSession, root, runScript, thrown } = require('./helpers')

/** Repositories, and the code that creates one in another process or thread, which may use a directory of its own. */
const REPOSITORIES = [
  {
    name: 'InMemoryGroupRepository',
    create: () => new sg.InMemoryGroupRepository(),
    code: 'new sg.InMemoryGroupRepository()',
  },
  {
    name: 'FileGroupRepository',
    create: () => new sg.FileGroupRepository(freshDir(), { durability: 'process' }),
    code: "new sg.FileGroupRepository(process.env.DIR, { durability: 'process' })",
  },
]

describe.each(REPOSITORIES)('watch of $name', ({ create, code }) => {
  let repository
  const open = []
  beforeEach(() => {
    repository = create()
  })
  afterEach(async () => {
    for (const each of open.splice(0)) each.close ? each.close() : await each.return()
  })

  const save = async (...all) => {
    for (const changes of all) await repository.save(makeGroup(changes))
  }
  const iterate = (...args) => {
    const changes = repository.watch(...args)
    open.push(changes)
    return changes
  }
  const listen = (listener, options) => {
    const watcher = repository.watch(listener, options).ref()
    open.push(watcher)
    return watcher
  }
  /** Returns the next change as the group's id and name, or `null` for a group that was deleted. */
  const next = async (changes) => {
    const { value } = await changes.next()
    return [value.id, value.group?.name ?? null]
  }
  /** Waits until a watcher that is opened now has got its first changes: others have got theirs, or never will. */
  const othersAreServed = async () => {
    await save({ id: 'served' })
    for (let round = 0; round < 3; round++) {
      const changes = iterate({ id: 'served' })
      await changes.next()
      await changes.return()
    }
  }

  /** Runs a script in another process, with a repository and a group at hand. */
  const child = (script) => {
    const setUp = `const repository = ${code}; const group = ${JSON.stringify(makeGroup())};`
    return runScript(`(async () => { ${setUp} ${script} })()`, { env: { DIR: freshDir() } })
  }

  describe('changes', () => {
    test('the state of every group is reported first, by id, and then each change', async () => {
      await save({ id: 'b' }, { id: 'a' })
      const changes = iterate()
      expect([await next(changes), await next(changes)]).toEqual([
        ['a', 'Logging'],
        ['b', 'Logging'],
      ])
      await save({ id: 'c', name: 'New' })
      expect(await next(changes)).toEqual(['c', 'New'])
      await repository.update('a', { name: 'Changed' })
      expect(await next(changes)).toEqual(['a', 'Changed'])
      await repository.delete('b')
      expect(await next(changes)).toEqual(['b', null])
    })

    test('a listener is called with the same changes, after watch has returned', async () => {
      await save({ id: 'a' }, { id: 'b' })
      const seen = []
      await new Promise((resolve) => {
        const watcher = listen(async ({ id, group }) => {
          expect(watcher).toBeDefined()
          seen.push([id, group?.name ?? null])
          if (seen.length === 2) await repository.update('b', { name: 'Changed' })
          if (seen.length === 3) await repository.delete('a')
          if (seen.length === 4) resolve()
        })
      })
      expect(seen).toEqual([
        ['a', 'Logging'],
        ['b', 'Logging'],
        ['b', 'Changed'],
        ['a', null],
      ])
    })

    test('a change has the group and its revision, and null for a group that was deleted', async () => {
      const group = makeGroup({ name: 'Grüße 😀', extra: { ['__proto__']: [1, null] } })
      await repository.save(group)
      const changes = iterate()
      const { done, value } = await changes.next()
      expect(done).toBe(false)
      expect(value).toEqual({ id: group.id, revision: await repository.revision(group.id), group })
      expect(Object.keys(value)).toEqual(['id', 'revision', 'group'])
      expect(JSON.stringify(value.group)).toBe(JSON.stringify(group))
      await repository.delete(group.id)
      expect((await changes.next()).value).toEqual({ id: group.id, revision: null, group: null })
    })

    test('every change is a fresh object', async () => {
      await save({})
      const [{ value: first }, { value: second }] = await Promise.all([iterate().next(), iterate().next()])
      expect(first).toEqual(second)
      first.group.sessions[0].status = 'failed'
      expect(second.group).toEqual(makeGroup())
      expect(await repository.findById(first.id)).toEqual(makeGroup())
    })

    test('several changes are reported as one, with the newest state', async () => {
      const changes = iterate()
      await save({ id: 'a' })
      await changes.next()
      for (let round = 1; round <= 20; round++) {
        await repository.update('a', { name: `Round ${round}` })
        await save({ id: 'b', name: `Round ${round}` })
      }
      expect([await next(changes), await next(changes)]).toEqual([
        ['a', 'Round 20'],
        ['b', 'Round 20'],
      ])
      await save({ id: 'c' })
      expect(await next(changes)).toEqual(['c', 'Logging'])
    })

    test('a group is not reported if its state did not change, or if nobody knew it', async () => {
      await save({ id: 'a' })
      const changes = iterate()
      await changes.next()
      await save({ id: 'a' }, { id: 'b' })
      await repository.updateSession('missing', 'x', {})
      await repository.delete('b')
      await repository.updateSession('a', '001-api', { status: 'active' })
      const { value } = await changes.next()
      expect([value.id, value.group.sessions[0].status]).toEqual(['a', 'active'])
    })

    test('all groups of a larger store are reported once, by id', async () => {
      const ids = Array.from({ length: 150 }, (_, number) => `g${1_000 + number}`)
      await save(...ids.map((id) => ({ id })))
      const seen = []
      for await (const { id } of iterate()) if (seen.push(id) === ids.length) break
      expect(seen).toEqual(ids)
    })

    test('two watchers each get every change, and one goes on when the other is closed', async () => {
      const [first, second] = [iterate(), iterate()]
      await save({ id: 'a' })
      expect([await next(first), await next(second)]).toEqual([
        ['a', 'Logging'],
        ['a', 'Logging'],
      ])
      await first.return()
      await save({ id: 'a', name: 'Changed' })
      expect(await next(second)).toEqual(['a', 'Changed'])
    })

    test('clear deletes all groups', async () => {
      if (!repository.clear) return
      await save({ id: 'a' }, { id: 'b' })
      const changes = iterate()
      await changes.next()
      await changes.next()
      repository.clear()
      expect([await next(changes), await next(changes)]).toEqual([
        ['a', null],
        ['b', null],
      ])
    })
  })

  describe('arguments', () => {
    test('with an id, only that group is watched, whether it exists yet or not', async () => {
      await save({ id: 'a' }, { id: 'b' })
      const [existing, missing] = [iterate({ id: 'b' }), iterate({ id: 'c' })]
      expect(await next(existing)).toEqual(['b', 'Logging'])
      await save({ id: 'a', name: 'Changed' }, { id: 'c' })
      expect(await next(missing)).toEqual(['c', 'Logging'])
      await repository.delete('b')
      expect(await next(existing)).toEqual(['b', null])
    })

    test('an id that cannot be one of a group is that of a group that does not exist', async () => {
      const seen = []
      for (const id of ['', '../x', 'nul', 'x'.repeat(200)]) listen((change) => seen.push(change), { id })
      await save({ id: 'x' })
      await othersAreServed()
      expect(seen).toEqual([])
    })

    test('absent options, absent members and unknown members are ignored', async () => {
      await save({ id: 'a' })
      for (const options of [undefined, null, {}, { id: undefined, signal: null, other: 1 }, { id: null }]) {
        expect(await next(iterate(options))).toEqual(['a', 'Logging'])
        expect(await new Promise((resolve) => listen(resolve, options))).toMatchObject({ id: 'a' })
      }
      expect(await next(iterate())).toEqual(['a', 'Logging'])
    })

    test('getters and inherited members are read', async () => {
      await save({ id: 'a' }, { id: 'b' })
      const options = Object.create({
        get id() {
          return 'b'
        },
      })
      expect(await next(iterate(options))).toEqual(['b', 'Logging'])
    })

    const throwing = {
      get id() {
        throw new Error('from a getter')
      },
    }
    const nothing = () => {}
    test.each([
      ['a string', ['a'], 'listener', 'must be a function, or options without a listener, but is "a"'],
      ['a number', [5], 'listener', 'but is 5'],
      ['a boolean', [true], 'listener', 'but is true'],
      ['an array', [[]], 'listener', 'but is an array'],
      ['options before the listener', [{}, nothing], 'listener', 'must be a function, but is an object'],
      [
        'options without a listener before them',
        [undefined, {}],
        'listener',
        'must be a function, but is undefined',
      ],
      ['a string as options', [nothing, 'a'], 'options', 'must be an object, but is "a"'],
      ['an array as options', [nothing, []], 'options', 'must be an object, but is an array'],
      ['a function as options', [nothing, nothing], 'options', 'must be an object, but is a function'],
      ['a number as id', [{ id: 5 }], 'id', 'must be a string, but is 5'],
      ['an object as id', [nothing, { id: {} }], 'id', 'must be a string, but is an object'],
      ['a getter that throws', [throwing], 'id', 'cannot be read: from a getter'],
      ['a string as signal', [{ signal: 'a' }], 'signal', 'must be an AbortSignal, but is "a"'],
      [
        'an object as signal',
        [nothing, { signal: {} }],
        'signal',
        'must be an AbortSignal, but is an object',
      ],
      [
        'a controller as signal',
        [{ signal: new AbortController() }],
        'signal',
        'must be an AbortSignal, but is an object',
      ],
      [
        'a part of a signal',
        [{ signal: { aborted: false } }],
        'signal',
        'must be an AbortSignal, but is an object',
      ],
    ])('%s throws INVALID_ARGUMENT', (_, args, field, problem) => {
      const error = thrown(() => repository.watch(...args))
      expect(error).toBeInstanceOf(sg.SessionGroupsError)
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field })
      expect(error.message).toContain(`${field} `)
      expect(error.message).toContain(problem)
    })
  })

  describe('closing', () => {
    test('a watcher closed in its listener is not called again, not even with changes that are there', async () => {
      const ids = ['a', 'b', 'c', 'd']
      await save(...ids.map((id) => ({ id })))
      const seen = []
      const watcher = listen(({ id }) => {
        if (seen.push(id) === 2) watcher.close()
      })
      await othersAreServed()
      await save({ id: 'e' })
      await othersAreServed()
      expect(seen).toEqual(['a', 'b'])
    })

    test('a watcher that is closed at once is never called', async () => {
      await save({ id: 'a' })
      const seen = []
      const watcher = listen((change) => seen.push(change))
      expect(watcher.close()).toBe(undefined)
      watcher.close()
      expect(watcher.ref().unref()).toBe(watcher)
      await othersAreServed()
      expect(seen).toEqual([])
    })

    test('an abort closes a watcher quietly', async () => {
      await save({ id: 'a' })
      const controller = new AbortController()
      const seen = []
      await new Promise((resolve) => {
        controller.signal.addEventListener('abort', resolve)
        const { signal } = controller
        listen(({ id }) => seen.push(id) && controller.abort(), { signal })
      })
      await save({ id: 'b' })
      await othersAreServed()
      expect(seen).toEqual(['a'])
    })

    test('an abort ends an iterator quietly', async () => {
      const controller = new AbortController()
      const changes = iterate({ signal: controller.signal })
      const pending = [changes.next(), changes.next()]
      controller.abort(new Error('not thrown'))
      const done = { done: true, value: undefined }
      expect([...(await Promise.all(pending)), await changes.next()]).toEqual([done, done, done])
    })

    test('with a signal that is aborted already, nothing is ever reported', async () => {
      await save({ id: 'a' })
      const signal = AbortSignal.abort()
      const seen = []
      const watcher = listen((change) => seen.push(change), { signal })
      expect(await iterate({ signal }).next()).toEqual({ done: true, value: undefined })
      for await (const change of iterate({ signal })) seen.push(change)
      await othersAreServed()
      expect(watcher.ref()).toBe(watcher)
      watcher.close()
      expect(seen).toEqual([])
    })

    test('a closed watcher leaves no listener on its signal', async () => {
      const listeners = new Set()
      const signal = {
        aborted: false,
        addEventListener: (type, listener) => listeners.add(listener) && expect(type).toBe('abort'),
        removeEventListener: (_type, listener) => listeners.delete(listener),
      }
      const watchers = [listen(() => {}, { signal }), listen(() => {}, { signal })]
      const changes = iterate({ signal })
      expect(listeners.size).toBe(1)
      for (const watcher of watchers) watcher.close()
      expect(listeners.size).toBe(1)
      await changes.return()
      expect(listeners.size).toBe(0)
      listen(() => {}, { signal }).close()
      expect(listeners.size).toBe(0)
    })

    test('all that share a signal are closed by it', async () => {
      const controller = new AbortController()
      const { signal } = controller
      const all = Array.from({ length: 20 }, () => iterate({ signal }))
      const pending = all.map((changes) => changes.next())
      controller.abort()
      for (const { done } of await Promise.all(pending)) expect(done).toBe(true)
    })
  })

  describe('the iterator', () => {
    test('calls of next are answered in order', async () => {
      const changes = iterate()
      const pending = [next(changes), next(changes), next(changes)]
      await save({ id: 'a' }, { id: 'b' }, { id: 'c' })
      expect((await Promise.all(pending)).map(([id]) => id)).toEqual(['a', 'b', 'c'])
    })

    test('leaving a loop closes it', async () => {
      await save({ id: 'a' }, { id: 'b' })
      const changes = iterate()
      for await (const { id } of changes) if (id === 'a') break
      expect(await changes.next()).toEqual({ done: true, value: undefined })
      expect(changes[Symbol.asyncIterator]()).toBe(changes)
    })

    test('return ends pending calls and returns its value', async () => {
      const changes = iterate()
      const pending = changes.next()
      expect(await changes.return(Promise.resolve('value'))).toEqual({ done: true, value: 'value' })
      expect(await pending).toEqual({ done: true, value: undefined })
      expect(await changes.return()).toEqual({ done: true, value: undefined })
    })

    test('it can be disposed of where the runtime has the symbol for it', async () => {
      if (!Symbol.asyncDispose) return
      const changes = iterate()
      expect(await changes[Symbol.asyncDispose]()).toBe(undefined)
      expect(await changes.next()).toEqual({ done: true, value: undefined })
    })

    test('its members are not enumerable', () => {
      expect([Object.keys(iterate()), Object.keys(listen(() => {}))]).toEqual([[], []])
    })
  })

  describe('an error thrown by a listener', () => {
    const watching = `
      await repository.save({ ...group, id: 'a' })
      await repository.save({ ...group, id: 'b' })
      const watcher = repository.watch(({ id }) => {
        console.log(id)
        if (id === 'b') repository.save({ ...group, id: 'c' })
        if (id === 'c') watcher.close()
        throw new Error('thrown for ' + id)
      }).ref();`

    test('is an uncaught exception, and later changes are still reported', async () => {
      const handler = `process.on('uncaughtException', (error) => console.log(error.message));`
      const { code, stdout } = await child(handler + watching)
      const lines = ['a', 'b', 'c'].flatMap((id) => [id, `thrown for ${id}`])
      expect([code, stdout.split('\n')]).toEqual([0, lines])
    })

    test('ends the process if there is no handler', async () => {
      const { code, stdout, stderr } = await child(watching)
      expect(code).not.toBe(0)
      expect(stdout).toMatch(/^a\b/)
      expect(stderr).toContain('thrown for a')
    })
  })

  describe('the process', () => {
    test('ends by itself with open watchers and iterators', async () => {
      const script = `
        await repository.save(group)
        repository.watch(() => {})
        repository.watch(() => {}).ref().unref()
        const changes = repository.watch()
        await changes.next()
        repository.watch({ id: 'none' })
        console.log('end')`
      expect(await child(script)).toMatchObject({ code: 0, stdout: 'end', stderr: '' })
    })

    // Nothing but the watcher keeps the process alive until an unreferenced timer fires.
    const laterSave = 'setTimeout(() => repository.save(group), 50).unref()'

    test('does not end while a call of next is pending', async () => {
      const script = `
        ${laterSave}
        const { value } = await repository.watch().next()
        console.log(value.id)`
      expect(await child(script)).toMatchObject({ code: 0, stdout: makeGroup().id, stderr: '' })
    })

    test('does not end while a watcher is referenced', async () => {
      const script = `
        ${laterSave}
        const watcher = repository.watch(({ id }) => { console.log(id); watcher.close() }).ref()`
      expect(await child(script)).toMatchObject({ code: 0, stdout: makeGroup().id, stderr: '' })
    })

    test('ends once the signal of a pending call is aborted', async () => {
      const script = `
        const controller = new AbortController()
        setTimeout(() => controller.abort(), 50).unref()
        repository.watch(() => {}, { signal: controller.signal }).ref()
        for (const id of [undefined, '../x'])
          repository.watch({ id, signal: controller.signal }).next().then(({ done }) => console.log(done))`
      expect(await child(script)).toMatchObject({ code: 0, stdout: 'true\ntrue', stderr: '' })
    })

    test('process.exit ends it with open watchers and a pending call', async () => {
      const script = `
        repository.watch(() => {}).ref()
        repository.watch().next()
        setInterval(() => repository.save({ ...group, description: String(performance.now()) }), 0)
        setTimeout(() => process.exit(7), 50)`
      expect((await child(script)).code).toBe(7)
    })
  })

  test('a watcher goes on without a reference to it or to its repository', async () => {
    const script = `
      const gc = globalThis.Bun ? () => Bun.gc(true) : (() => {
        require('node:v8').setFlagsFromString('--expose-gc')
        return require('node:vm').runInNewContext('gc')
      })()
      let temporary = ${code}
      await temporary.save(group)
      const seen = new Promise((resolve) => temporary.watch(({ id }) => resolve(id)).ref())
      temporary = undefined
      for (let round = 0; round < 5; round++) {
        gc()
        await new Promise(setImmediate)
      }
      console.log(await seen)
      process.exit()`
    expect(await child(script)).toMatchObject({ code: 0, stdout: makeGroup().id, stderr: '' })
  })

  test('1,000 watchers that are closed leave nothing behind', async () => {
    const script = `
      const gc = globalThis.Bun ? () => Bun.gc(true) : (() => {
        require('node:v8').setFlagsFromString('--expose-gc')
        return require('node:vm').runInNewContext('gc')
      })()
      const handles = () => globalThis.Bun ? 0 : process.report.getReport().libuv.filter(({ type }) => type === 'async').length
      await repository.save({ ...group, description: 'x'.repeat(20_000) })
      const { signal } = new AbortController()
      const rounds = async () => {
        for (let round = 0; round < 500; round++) {
          const watcher = repository.watch(() => watcher.close(), { signal })
          if (round % 2) watcher.ref()
          if (round % 3) watcher.close()
          for await (const _ of repository.watch({ signal })) break
        }
        for (let round = 0; round < 10; round++) {
          gc()
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
        const { heapUsed, external } = process.memoryUsage()
        return [heapUsed / 1024, external / 1024, handles()]
      }
      const warm = [await rounds(), await rounds()][1]
      await rounds()
      const now = await rounds()
      console.log(JSON.stringify(now.map((value, index) => value - warm[index])))`
    const { code, stdout, stderr } = await child(script)
    expect([code, stderr]).toEqual([0, ''])
    const [heapKib, externalKib, handles] = JSON.parse(stdout)
    // Each of 2,000 watchers that stayed would hold a text of 20 kB or, without it, a few kB of objects.
    expect(heapKib).toBeLessThan(1_000)
    expect(externalKib).toBeLessThan(1_000)
    expect(handles).toBeLessThan(5)
  }, 60_000)

  describe('in a worker thread', () => {
    const start = (script) => {
      const text = `const sg = require(${JSON.stringify(root)})
        const { parentPort } = require('node:worker_threads')
        const repository = ${code}
        const group = ${JSON.stringify(makeGroup({ sessions: [makeSession()] }))}
        ${script}`
      return new Worker(text, { eval: true, env: { ...process.env, DIR: freshDir() } })
    }
    const event = (worker, name) =>
      new Promise((resolve, reject) => {
        worker.once(name, resolve)
        if (name !== 'error') worker.once('error', reject)
      })

    test('watchers do not keep it alive', async () => {
      const worker = start(
        `repository.watch(() => {}); parentPort.postMessage('watching'); parentPort.unref()`,
      )
      const [message, code] = await Promise.all([event(worker, 'message'), event(worker, 'exit')])
      expect([message, code]).toEqual(['watching', 0])
    })

    test('it can be terminated with open watchers while groups change', async () => {
      const script = `
        let calls = 0
        for (let round = 0; round < 10; round++) {
          const watcher = repository.watch(() => { if (++calls === 30) parentPort.postMessage('watching') })
          if (round % 2) watcher.ref()
        }
        ;(async () => { for await (const _ of repository.watch()); })()
        const work = () => {
          for (let id = 0; id < 5; id++) repository.save({ ...group, id: 'g' + id, description: String(Math.random()) })
          setImmediate(work)
        }
        work()`
      for (let round = 0; round < 10; round++) {
        const worker = start(script)
        await event(worker, 'message')
        await worker.terminate()
      }
      const changes = iterate()
      await save({ id: 'a' })
      expect(await next(changes)).toEqual(['a', 'Logging'])
    }, 60_000)

    test('an error thrown by a listener ends it', async () => {
      const worker = start(
        `repository.watch(() => { throw new Error('from a listener') }).ref(); repository.save(group)`,
      )
      expect((await event(worker, 'error')).message).toContain('from a listener')
    })
  })
})
