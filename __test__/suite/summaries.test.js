// Summaries of groups: `list` without the sessions, and fresh objects at every call.

const fs = require('node:fs')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const sg = require('../..')
const { freshDir, makeGroup, makeSession, rejection, root, runScript, TIME } = require('./helpers')

const KEYS = [
  'id',
  'name',
  'slug',
  'status',
  'createdAt',
  'updatedAt',
  'startedAt',
  'completedAt',
  'description',
  'cause',
]

/** The summary of a group as a program would compute it. */
const summaryOf = (group) => {
  const aggregator = new sg.ProgressAggregator()
  for (const session of group.sessions) aggregator.updateSession(sg.createSessionProgress(session))
  const fields = KEYS.filter((key) => key in group).map((key) => [key, group[key]])
  return {
    ...Object.fromEntries(fields),
    totalSessions: group.sessions.length,
    maxBudgetUsd: group.config.maxBudgetUsd,
    ...aggregator.summary(),
  }
}

/** A store in files tells of each running group whether it has a runner, and none has one here. */
const expectSameAsList = async (repository, ...query) => {
  const summaries = await repository.summaries(...query)
  const hasRunLocks = repository instanceof sg.FileGroupRepository
  const expected = (await repository.list(...query)).map((group) =>
    hasRunLocks && group.status === 'running' ? { ...summaryOf(group), live: false } : summaryOf(group),
  )
  expect(summaries).toStrictEqual(expected)
  return summaries
}

const later = (minutes) => new Date(Date.parse(TIME) + minutes * 60_000).toISOString()

/** Groups with every combination of optional fields. */
const varied = (count) =>
  Array.from({ length: count }, (_, i) => {
    const option = (bit, fields) => (i & (1 << bit) ? fields : {})
    const tokens = { input: i, output: 2, ...option(4, { cacheRead: 3 }), ...option(5, { cacheWrite: 4 }) }
    return makeGroup({
      id: `group-${String(i).padStart(3, '0')}`,
      name: `Group ${(i * 7) % count}`,
      status: ['created', 'running', 'paused', 'completed', 'failed', 'archived', 'deleted'][i % 7],
      createdAt: later((i * 11) % count),
      updatedAt: later((i * 13) % count),
      ...option(0, { startedAt: later(1) }),
      ...option(1, { completedAt: '2026-01-15T12:00:00+01:00' }),
      ...option(2, { description: i % 3 ? 'A description' : '' }),
      ...option(3, { cause: 'usage_limit' }),
      sessions: ['pending', 'active', 'paused', 'completed', 'failed']
        .slice(0, i % 6)
        .map((status, index) =>
          makeSession({ id: `s${index}`, status, cost: 0.1 * index, ...(index % 2 ? { tokens } : {}) }),
        ),
    })
  })

describe.each([
  ['FileGroupRepository', () => new sg.FileGroupRepository(freshDir(), { durability: 'process' })],
  ['InMemoryGroupRepository', () => new sg.InMemoryGroupRepository()],
])('summaries of a %s', (_, create) => {
  let repository
  const { id } = makeGroup()
  const only = async () => (await expectSameAsList(repository))[0]
  beforeEach(() => {
    repository = create()
  })

  test('have the fields of the group, and totals in place of its sessions', async () => {
    expect(await repository.summaries()).toEqual([])
    const group = {
      ...makeGroup(),
      description: 'All of it',
      startedAt: TIME,
      completedAt: later(1),
      cause: 'budget_exceeded',
      sessions: [
        makeSession({ status: 'completed', cost: 0.1, tokens: { input: 1, output: 2, cacheRead: 3 } }),
        makeSession({
          id: '002',
          status: 'active',
          cost: 0.2,
          tokens: { input: 10, output: 20, cacheWrite: 4 },
        }),
        makeSession({ id: '003', status: 'paused' }),
        makeSession({ id: '004' }),
        makeSession({ id: '005', status: 'failed', cost: 0 }),
      ],
    }
    await repository.save(group)
    expect(await only()).toStrictEqual({
      id,
      name: 'Logging',
      slug: 'logging',
      status: 'created',
      createdAt: TIME,
      updatedAt: TIME,
      startedAt: TIME,
      completedAt: later(1),
      description: 'All of it',
      totalSessions: 5,
      completed: 1,
      running: 1,
      pending: 2,
      failed: 1,
      totalCost: 0.3,
      totalTokens: { input: 11, output: 22, cacheRead: 3, cacheWrite: 4 },
      maxBudgetUsd: 10,
      cause: 'budget_exceeded',
    })
  })

  test('are those of the groups that list returns, for every filter and sort', async () => {
    await Promise.all(varied(128).map((group) => repository.save(group)))
    for (const filter of [
      undefined,
      {},
      { status: 'running' },
      { nameContains: 'GROUP 1', limit: 5 },
      { since: new Date(later(30)), offset: 3 },
      { limit: 0 },
      { limit: 7, offset: 120 },
      { limit: 7, offset: 1_000 },
      { limit: Number.POSITIVE_INFINITY, status: null },
    ])
      for (const field of [undefined, 'name', 'createdAt', 'updatedAt'])
        for (const direction of ['asc', 'desc'])
          await expectSameAsList(repository, filter, field && { field, direction })
  })

  test.each([
    [[0.1, 0.2], 0.3],
    [Array(10).fill(0.1), 1],
    [[1e-7, 2e-7, 0.1], 0.1000003],
    [[1e21, 0.1], 1e21],
    [[4503599627370496, 0.5, 0.25, 0.25], 4503599627370497],
    [[5e-324], 5e-324],
    [[], 0],
  ])('sum %p exactly', async (costs, total) => {
    const sessions = costs.map((cost, index) => makeSession({ id: `s${index}`, cost }))
    await repository.save(makeGroup({ sessions, config: { ...makeGroup().config, maxBudgetUsd: 1e-7 } }))
    expect(await only()).toMatchObject({ totalCost: total, maxBudgetUsd: 1e-7, totalSessions: costs.length })
  })

  test('follow every write', async () => {
    await repository.save(makeGroup({ description: 'old' }))
    const before = await only()
    expect(await repository.updateSession(id, '001-api', { cost: 0.1, status: 'completed' })).toBe(true)
    expect(await only()).toMatchObject({ completed: 1, pending: 1, totalCost: 0.1 })
    await repository.updateSession(id, '002-web', { cost: 0.2, tokens: { input: 1, output: 2 } })
    expect(await only()).toMatchObject({ totalCost: 0.3, totalTokens: { input: 1, output: 2 } })
    await repository.update(id, { name: 'New', description: undefined, cause: 'login' })
    expect(await only()).toMatchObject({ name: 'New', cause: 'login', totalCost: 0.3 })
    expect(await only()).not.toHaveProperty('description')
    await repository.update(id, (group) => ({ sessions: group.sessions.slice(1) }))
    expect(await only()).toMatchObject({ totalSessions: 1, totalCost: 0.2 })
    await repository.save(makeGroup({ description: 'old' }))
    expect(await only()).toStrictEqual(before)
    await repository.save(makeGroup({ id: 'another' }))
    await repository.delete(id)
    expect((await only()).id).toBe('another')
  })

  test('are right after each of many updates', async () => {
    await Promise.all(varied(16).map((group) => repository.save(group)))
    for (let round = 0; round < 100; round++) {
      const changes = { [round % 2 ? 'description' : 'startedAt']: round % 3 ? later(round) : undefined }
      await repository.update(`group-${String(round % 16).padStart(3, '0')}`, changes)
      await expectSameAsList(repository)
    }
  })

  test('belong to the caller', async () => {
    await Promise.all(varied(64).map((group) => repository.save(group)))
    const expected = JSON.stringify(await repository.summaries())
    for (let round = 0; round < 3; round++) {
      const mine = await repository.summaries()
      expect(JSON.stringify(mine)).toBe(expected)
      for (const summary of mine) {
        for (const key of Object.keys(summary.totalTokens)) summary.totalTokens[key] = 'mine'
        for (const key of Object.keys(summary)) delete summary[key]
        summary.mine = true
      }
      mine.reverse().length = 3
    }
  })

  test('have the prototypes of the realm of index.js', async () => {
    await repository.save(makeGroup())
    const summaries = await repository.summaries()
    expect(Object.getPrototypeOf(summaries)).toBe(Array.prototype)
    expect(Object.getPrototypeOf(summaries[0])).toBe(Object.prototype)
    expect(Object.getPrototypeOf(summaries[0].totalTokens)).toBe(Object.prototype)
  })

  test('keep every JavaScript string, and leave out fields that they do not have', async () => {
    const tricky =
      'U+2028 \u2028, emoji 😀, lone \ud800 and \udfff, NUL \u0000, U+FFFD \ufffd, quote " and \\'
    const unknown = {
      '\ud800': [1e21, '\udfff'],
      __proto__x: {},
      10: 'an index',
      totalCost: 7,
      name2: tricky,
    }
    await repository.save(
      makeGroup({
        ...unknown,
        name: tricky,
        slug: '\udfff',
        description: tricky,
        sessions: [makeSession(unknown)],
      }),
    )
    expect(await only()).toMatchObject({ name: tricky, slug: '\udfff', description: tricky, totalCost: 0 })
  })

  test('reject invalid filters and sorts with the errors of list', async () => {
    for (const query of [[{ limit: -1 }], [5], [{ since: 'x' }], [{}, { field: 'id', direction: 'asc' }]]) {
      const error = await rejection(repository.summaries(...query))
      expect(error).toBeInstanceOf(sg.SessionGroupsError)
      expect([error.code, error.message]).toEqual(
        await rejection(repository.list(...query)).then(({ code, message }) => [code, message]),
      )
    }
  })
})

test('summaries of older files have their fields in the notation of today', async () => {
  const dir = freshDir()
  const write = (group) => {
    fs.mkdirSync(path.join(dir, group.id), { recursive: true })
    fs.writeFileSync(path.join(dir, group.id, 'meta.json'), `\ufeff${JSON.stringify(group)}`)
  }
  const session = {
    ...makeSession({ status: 'in_progress', cost: 0.1, runMs: 'long' }),
    dependsOn: undefined,
  }
  write(makeGroup({ id: 'old', status: 'in_progress', cause: ['an older program'], sessions: [session] }))
  write(makeGroup({ id: 'corrupt', sessions: 'none' }))
  const repository = new sg.FileGroupRepository(dir)
  const [summary, ...others] = await repository.summaries()
  expect(others).toEqual([])
  expect(summary).toMatchObject({ id: 'old', status: 'running', running: 1, totalCost: 0.1 })
  expect(summary).not.toHaveProperty('cause')
  await repository.delete('old')
  expect(await repository.summaries()).toEqual([])
})

test('a call without enough stack leaves no wrong summaries', async () => {
  const script = `const repository = new sg.InMemoryGroupRepository()
    const calls = []
    const dive = (round) => {
      const group = { ...${JSON.stringify(makeGroup())}, id: 'g' + (round % 5), name: 'round ' + round }
      calls.push(repository.save(group), repository.summaries())
      dive(round + 1)
    }
    try { dive(0) } catch {}
    ;(async () => {
      const outcomes = await Promise.allSettled(calls)
      const names = (groups) => groups.map(({ name }) => name).join()
      console.log(names(await repository.summaries()) === names(await repository.list()), outcomes.length > 100)
    })()`
  expect(await runScript(script)).toMatchObject({ stdout: 'true true', code: 0 })
})

test('several repositories of one process do not mix their summaries', async () => {
  const dir = freshDir()
  const open = () => new sg.FileGroupRepository(dir, { durability: 'process' })
  const memories = [new sg.InMemoryGroupRepository(), new sg.InMemoryGroupRepository()]
  const repositories = [open(), open(), ...memories]
  for (let round = 0; round < 20; round++) {
    for (const [index, repository] of repositories.entries())
      await repository.save(makeGroup({ id: `g${round % 7}`, name: `${index} in round ${round}` }))
    for (const repository of repositories) await expectSameAsList(repository)
  }
  expect(await repositories[0].summaries()).toEqual(await repositories[1].summaries())
  expect(await memories[0].summaries()).not.toEqual(await memories[1].summaries())
})

test('summaries of deleted and changed groups do not come back', async () => {
  const repository = new sg.InMemoryGroupRepository()
  for (let round = 0; round < 40; round++) {
    repository.clear()
    const groups = Array.from({ length: 200 }, (_, i) =>
      makeGroup({ id: `g-${i}`, name: `${i} in round ${round}`, sessions: [] }),
    )
    for (const group of groups) await repository.save(group)
    const names = (await repository.summaries({}, { field: 'createdAt', direction: 'asc' })).map(
      ({ name }) => name,
    )
    expect(new Set(names)).toEqual(new Set(groups.map(({ name }) => name)))
  }
})

describe('summaries of more groups than are kept parsed', () => {
  const sizes = (summaries) => summaries.map(({ description }) => description.length)

  test('are returned as a whole and in pages', async () => {
    const repository = new sg.InMemoryGroupRepository()
    const ids = Array.from({ length: 27_000 }, (_, i) => `g-${String(i).padStart(5, '0')}`)
    for (const id of ids) repository.save(makeGroup({ id, name: id, sessions: [] }))
    const check = (summaries, expected) => {
      expect(summaries.map(({ id }) => id)).toEqual(expected)
      expect(summaries.map(({ name }) => name)).toEqual(expected)
    }
    const limit = 4_000
    const whole = await repository.summaries()
    check(whole, ids)
    for (let round = 0; round < 2; round++)
      for (let offset = 0; offset < ids.length; offset += limit)
        check(await repository.summaries({ offset, limit }), ids.slice(offset, offset + limit))
    const some = await repository.summaries({ limit: 20_000 })
    expect(JSON.stringify(some)).toBe(JSON.stringify(whole.slice(0, 20_000)))
    check(await repository.summaries(), ids)
  })

  test('may have descriptions of 1 MB', async () => {
    const repository = new sg.InMemoryGroupRepository()
    const lengths = Array.from({ length: 30 }, (_, i) => 900_000 + i)
    for (const [i, length] of lengths.entries())
      await repository.save(
        makeGroup({ id: `g-${String(i).padStart(2, '0')}`, description: 'x'.repeat(length) }),
      )
    for (let round = 0; round < 2; round++) {
      expect(sizes(await repository.summaries())).toEqual(lengths)
      for (let offset = 0; offset < 30; offset += 10)
        expect(sizes(await repository.summaries({ offset, limit: 10 }))).toEqual(
          lengths.slice(offset, offset + 10),
        )
    }
  })
})

test('each worker thread has summaries of its own', async () => {
  const dir = freshDir()
  const script = `const sg = require(${JSON.stringify(root)})
    const { parentPort, workerData } = require('node:worker_threads')
    const { dir, group } = workerData
    const repository = new sg.FileGroupRepository(dir, { durability: 'process' })
    ;(async () => {
      await repository.save(group)
      for (let round = 1; round <= 50; round++) {
        await repository.updateSession(group.id, '001-api', { cost: round / 10 })
        const all = await repository.summaries()
        const mine = all.find(({ id }) => id === group.id)
        if (mine.totalCost !== round / 10 || mine.name !== group.name) throw new Error(JSON.stringify(mine))
        for (const summary of all) summary.name = 'changed'
      }
    })().then(() => parentPort.postMessage('right'), (error) => parentPort.postMessage(String(error)))`
  const groups = ['a', 'b', 'c', 'd'].map((name) => makeGroup({ id: `group-${name}`, name }))
  const answers = groups.map(async (group) => {
    const worker = new Worker(script, { eval: true, workerData: { dir, group } })
    const answer = await new Promise((resolve, reject) =>
      worker.once('message', resolve).once('error', reject),
    )
    await worker.terminate()
    return answer
  })
  expect(await Promise.all(answers)).toEqual(groups.map(() => 'right'))
  const repository = new sg.FileGroupRepository(dir)
  expect((await expectSameAsList(repository)).map(({ totalCost }) => totalCost)).toEqual([5, 5, 5, 5])
}, 60_000)

test('another copy of index.js, in the same realm or in another, starts without summaries', async () => {
  const script = `const { readFileSync } = require('node:fs')
    const vm = require('node:vm')
    const file = require.resolve(${JSON.stringify(root)})
    const names = async (repository) => (await repository.summaries()).map(({ name }) => name).join('')
    const inOtherRealm = () => {
      const module = { exports: {} }
      const context = vm.createContext({ process, module, require: require('node:module').createRequire(file) })
      vm.runInContext('(function () {' + readFileSync(file, 'utf8') + '})()', context)
      return [module.exports, vm.runInContext('Object.prototype', context)]
    }
    ;(async () => {
      const group = ${JSON.stringify(makeGroup({ sessions: [] }))}
      const first = new sg.InMemoryGroupRepository()
      for (const name of 'abc') await first.save({ ...group, id: name, name })
      const shown = [await names(first)]
      delete require.cache[file]
      const copy = require(file)
      const second = new copy.InMemoryGroupRepository()
      for (const name of 'de') await second.save({ ...group, id: name, name })
      shown.push(await names(second), await names(first))
      const [other, prototype] = inOtherRealm()
      const third = new other.InMemoryGroupRepository()
      await third.save({ ...group, id: 'f', name: 'f' })
      shown.push(await names(third), await names(second), await names(first))
      const [summary] = await third.summaries()
      console.log(shown.join(' '), Object.getPrototypeOf(summary) === prototype)
    })()`
  expect(await runScript(script)).toMatchObject({ stdout: 'abc de abc f de abc true', code: 0 })
})

test('summaries do not depend on a JSON.parse that was replaced', async () => {
  const script = `JSON.parse = () => { throw new Error('replaced') }
    const repository = new sg.InMemoryGroupRepository()
    repository.save(${JSON.stringify(makeGroup())})
      .then(() => repository.summaries())
      .then(([summary]) => console.log(summary.totalSessions))`
  expect((await runScript(script)).stdout).toBe('2')
})
