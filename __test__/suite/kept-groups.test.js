// Groups that are read again and again: fresh objects at every call, equal to the first.

const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const { freshDir, makeGroup, makeSession, root, runScript } = require('./helpers')

/** More reads than the first two, from which on a group is kept. */
const READS = 5

const write = (dir, id, text) => {
  fs.mkdirSync(path.join(dir, id), { recursive: true })
  fs.writeFileSync(path.join(dir, id, 'meta.json'), text)
}

describe.each([
  ['FileGroupRepository', () => new sg.FileGroupRepository(freshDir(), { durability: 'process' })],
  ['InMemoryGroupRepository', () => new sg.InMemoryGroupRepository()],
])('groups that a %s returns again', (_, create) => {
  let repository
  const { id } = makeGroup()
  const ways = {
    findById: () => repository.findById(id),
    list: async () => (await repository.list()).find((group) => group.id === id),
    findByStatus: async () => (await repository.findByStatus('created')).find((group) => group.id === id),
    'list with a limit': async () => (await repository.list({ limit: 5 })).find((group) => group.id === id),
  }
  beforeEach(() => {
    repository = create()
  })

  test.each(Object.keys(ways))('belong to the caller of %s', async (way) => {
    await repository.save(makeGroup({ unknown: { list: [{ deep: [1] }, [2, [3]]] } }))
    const expected = JSON.stringify(await ways[way]())
    for (let round = 0; round < READS; round++) {
      const mine = await ways[way]()
      expect(JSON.stringify(mine)).toBe(expected)
      mine.sessions[0].dependsOn.push('mine')
      mine.sessions[1].status = 'mine'
      mine.sessions.length = 1
      mine.config.model = 'mine'
      mine.unknown.list[0].deep[0] = 'mine'
      mine.unknown.list[1][1].push('mine')
      mine.unknown.list.reverse()
      for (const key of Object.keys(mine)) delete mine[key]
      mine.mine = true
    }
  })

  test('share nothing with each other', async () => {
    await repository.save(makeGroup())
    const objectsIn = (value) =>
      typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(objectsIn)] : []
    const all = []
    for (let round = 0; round < READS; round++) {
      all.push(await repository.findById(id), await repository.list(), await repository.list({ limit: 1 }))
    }
    const objects = all.flatMap(objectsIn)
    expect(new Set(objects).size).toBe(objects.length)
  })

  test('have every JavaScript value, in its order', async () => {
    const unknown = JSON.parse(`{
      "__proto__": { "__proto__": { "mine": [1] }, "constructor": { "name": "mine" } },
      "10": "an index", "2": { "1": [], "0": {} }, "": { "": "" },
      "numbers": [0, -1, 1e-7, 1e21, 5e-324, 1.7976931348623157e308, 0.1],
      "empty": [[], {}, [[]], [{}], null, true, false, ""],
      "toJSON": "a string", "length": 5, "hasOwnProperty": {}, "valueOf": [], "then": { "then": 1 }
    }`)
    const strings = ['\u2028', '😀', '\ud800', '\udfff', '\u0000', '\ufffd', '"', '\\', '/']
    const group = makeGroup({
      ...unknown,
      name: strings.join(),
      sessions: [makeSession({ strings, unknown })],
    })
    Object.defineProperty(group, '__proto__', { value: unknown.numbers, enumerable: true })
    await repository.save(group)
    for (let round = 0; round < READS; round++)
      for (const found of [await repository.findById(id), (await repository.list())[0]]) {
        expect(JSON.stringify(found)).toBe(JSON.stringify(group))
        expect(Object.getPrototypeOf(found)).toBe(Object.prototype)
        expect(Object.keys(found.sessions[0].unknown)).toEqual(Object.keys(unknown))
        expect(Object.getPrototypeOf(found.sessions[0].unknown)).toBe(Object.prototype)
        expect(Array.isArray(found.sessions) && Object.getPrototypeOf(found.sessions)).toBe(Array.prototype)
      }
  })

  test('may be nested 1,000 levels deep', async () => {
    const deep = JSON.parse(`${'[{"a":'.repeat(495)}1${'}]'.repeat(495)}`)
    await repository.save(makeGroup({ deep }))
    for (let round = 0; round < READS; round++)
      expect(JSON.stringify((await repository.findById(id)).deep)).toBe(JSON.stringify(deep))
  })

  test('follow every write', async () => {
    for (let round = 0; round < 40; round++) {
      if (round % 8 === 0) await repository.delete(id)
      if (round % 4 === 0) await repository.save(makeGroup())
      const name = `round ${round}`
      await repository.update(id, { name })
      for (let reads = 0; reads <= round % 4; reads++)
        expect([await repository.findById(id), ...(await repository.list())]).toMatchObject([
          { name },
          { name },
        ])
    }
  })

  test('may be more than are kept', async () => {
    const prompt = 'x'.repeat(300_000)
    const ids = Array.from({ length: 120 }, (_, i) => `g-${String(i).padStart(3, '0')}`)
    const groupOf = (id, round) =>
      makeGroup({ id, name: `${id} ${round}`, sessions: [makeSession({ prompt })] })
    for (let round = 0; round < 3; round++) {
      await Promise.all(ids.map((id) => repository.save(groupOf(id, round))))
      const names = ids.map((id) => `${id} ${round}`)
      for (let reads = 0; reads < 3; reads++) {
        const found = await Promise.all(ids.map((id) => repository.findById(id)))
        expect(found.map(({ name }) => name)).toEqual(names)
        const pages = []
        for (let offset = 0; offset < 120; offset += 40)
          pages.push(...(await repository.list({ offset, limit: 40 })))
        expect(pages.map(({ name }) => name)).toEqual(names)
      }
      expect((await repository.list()).map(({ name }) => name)).toEqual(names)
    }
  })
})

test('groups and summaries with the same ids are not taken for each other', async () => {
  const repositories = [new sg.InMemoryGroupRepository(), new sg.InMemoryGroupRepository()]
  for (const [index, repository] of repositories.entries())
    for (const id of ['a', 'b']) await repository.save(makeGroup({ id, name: `${id} in ${index}` }))
  for (let round = 0; round < READS; round++)
    for (const [index, repository] of repositories.entries()) {
      const names = [`a in ${index}`, `b in ${index}`]
      expect((await repository.list()).map(({ name }) => name)).toEqual(names)
      expect((await repository.summaries()).map(({ name }) => name)).toEqual(names)
      expect((await repository.summaries())[0]).not.toHaveProperty('sessions')
      expect(await repository.findById('b')).toMatchObject({ name: names[1], sessions: [{}, {}] })
    }
})

test('groups that are kept take a limited part of the heap', async () => {
  const script = `const repository = new sg.InMemoryGroupRepository()
    const collect = () => {
      if (process.versions.bun) return Bun.gc(true)
      require('node:v8').setFlagsFromString('--expose-gc')
      require('node:vm').runInNewContext('gc')()
    }
    const used = () => {
      collect()
      return process.memoryUsage().heapUsed
    }
    ;(async () => {
      const prompt = () => 'x'.repeat(100_000) + Math.random()
      const group = ${JSON.stringify(makeGroup({ sessions: [] }))}
      const session = ${JSON.stringify(makeSession())}
      const before = used()
      for (let round = 0; round < 1_000; round++) {
        const id = 'g' + round
        await repository.save({ ...group, id, sessions: [{ ...session, prompt: prompt() }] })
        for (let reads = 0; reads < 3; reads++) await repository.findById(id)
        await repository.delete(id)
      }
      const mebibytes = (used() - before) / 2 ** 20
      console.log(mebibytes < 50 || mebibytes)
    })()`
  expect((await runScript(script)).stdout).toBe('true')
})

test('long texts that are read do not pile up in memory', async () => {
  const script = `const group = ${JSON.stringify(makeGroup({ description: '' }))}
    const resident = () => process.memoryUsage().rss / 2 ** 20
    ;(async () => {
      let before
      let most = 0
      for (let round = 0; round < 4_000; round++) {
        if (round === 500) before = resident()
        const repository = new sg.InMemoryGroupRepository()
        await repository.save({ ...group, description: 'x'.repeat(100_000) + round })
        await repository.findById(group.id)
        if (before) most = Math.max(most, resident() - before)
      }
      console.log(most < 150 || most)
    })()`
  expect((await runScript(script)).stdout).toBe('true')
})

test('worker threads that end free the texts that they have read', async () => {
  const read = `const sg = require(${JSON.stringify(root)})
    const repository = new sg.InMemoryGroupRepository()
    const group = ${JSON.stringify(makeGroup())}
    ;(async () => {
      for (let round = 0; round < 10; round++) {
        await repository.save({ ...group, description: 'x'.repeat(1_000_000) + round })
        await repository.findById(group.id)
      }
    })()`
  const script = `const { Worker } = require('node:worker_threads')
    const resident = () => (globalThis.Bun?.gc(true), process.memoryUsage().rss / 2 ** 20)
    ;(async () => {
      let before
      for (let round = 0; round < 13; round++) {
        if (round === 1) before = resident()
        await new Promise((resolve) => new Worker(${JSON.stringify(read)}, { eval: true }).once('exit', resolve))
      }
      const more = resident() - before
      console.log(more < 15 || more)
    })()`
  expect((await runScript(script)).stdout).toBe('true')
})

test('long texts in and beyond ASCII are read as they are', async () => {
  for (const character of ['x', 'é', '€', '😀', '\u007f', '\u0080', '\\', '"', '\n', '\0', '\ud800']) {
    const repository = new sg.InMemoryGroupRepository()
    const group = makeGroup({ description: character.repeat(3_000), extra: { [character]: [character] } })
    await repository.save(group)
    for (let round = 0; round < READS; round++) {
      expect(await repository.findById(group.id)).toEqual(group)
      expect(await repository.list()).toEqual([group])
    }
  }
})

test('groups read again ignore properties that others have added to Object.prototype', async () => {
  const script = `const repository = new sg.InMemoryGroupRepository()
    Object.prototype.inherited = { from: 'a prototype' }
    const group = ${JSON.stringify(makeGroup({ sessions: [] }))}
    ;(async () => {
      await repository.save(group)
      for (let round = 0; round < ${READS}; round++) {
        const found = await repository.findById(group.id)
        console.log(Object.keys(found).length === ${Object.keys(makeGroup()).length}, Object.hasOwn(found, 'inherited'))
      }
    })()`
  expect((await runScript(script)).stdout).toBe(Array(READS).fill('true false').join('\n'))
})

test('files in the notation of older tools are read alike each time', async () => {
  const dir = freshDir()
  const { dependsOn, ...session } = makeSession({ status: 'in_progress' })
  write(dir, 'old', `\ufeff${JSON.stringify(makeGroup({ id: 'old', sessions: [session] }), null, '\t')}`)
  const repository = new sg.FileGroupRepository(dir)
  const first = await repository.findById('old')
  expect(first.sessions).toMatchObject([{ status: 'active', dependsOn: [] }])
  for (let round = 0; round < READS; round++) {
    expect(await repository.findById('old')).toStrictEqual(first)
    expect(await repository.list()).toStrictEqual([first])
  }
})

describe('a first list of many groups', () => {
  const groups = Array.from({ length: 300 }, (_, number) => {
    const index = String(number).padStart(3, '0')
    const status = number % 3 === 0 ? 'running' : 'created'
    // Neither in the order of the names, nor in any of a directory.
    const createdAt = new Date(Date.UTC(2026, 0, 1) + ((number * 7) % 300) * 1_000).toISOString()
    return makeGroup({ id: `many-${index}`, name: `Größe ${index}`, status, createdAt })
  })
  let dir
  let repository
  beforeEach(() => {
    dir = freshDir()
    for (const group of groups) write(dir, group.id, JSON.stringify(group, null, 2))
    repository = new sg.FileGroupRepository(dir)
  })

  test('is complete and in order, and so is each later one', async () => {
    for (let round = 0; round < READS; round++) expect(await repository.list()).toEqual(groups)
  })

  test('has the groups of a filter in the order of a sort', async () => {
    const running = groups.filter(({ status }) => status === 'running')
    const newestFirst = running.sort((left, right) => (left.createdAt < right.createdAt ? 1 : -1))
    const sort = { field: 'createdAt', direction: 'desc' }
    expect(await repository.list({ status: 'running' }, sort)).toEqual(newestFirst)
    expect(await new sg.FileGroupRepository(dir).list({ offset: 250 })).toEqual(groups.slice(250))
  })

  test('returns objects that share nothing with those of another list at the same time', async () => {
    const lists = await Promise.all([repository.list(), repository.list(), repository.list({ offset: 10 })])
    expect(new Set(lists.flat()).size).toBe(890)
    expect(lists).toEqual([groups, groups, groups.slice(10)])
  })

  test('leaves out what cannot be read', async () => {
    for (const { id } of groups.slice(0, 100)) write(dir, id, '{ "cut off"')
    expect(await repository.list()).toEqual(groups.slice(100))
  })

  test('fails as a whole if the store cannot be listed, and works again', async () => {
    const other = path.join(dir, 'other')
    fs.writeFileSync(other, '')
    const there = new sg.FileGroupRepository(other)
    await expect(there.list()).rejects.toMatchObject({ code: 'IO' })
    fs.rmSync(other)
    for (const group of groups) write(other, group.id, JSON.stringify(group))
    expect(await there.list()).toEqual(groups)
  })

  test('has one state of each group while the groups change', async () => {
    const later = new sg.FileGroupRepository(dir, { durability: 'process' })
    const changes = groups.map(({ id }) => later.update(id, { name: 'changed' }))
    const listed = await repository.list()
    expect(listed.map(({ id }) => id)).toEqual(groups.map(({ id }) => id))
    listed.forEach(({ name, ...group }, index) => {
      expect(['changed', groups[index].name]).toContain(name)
      expect(group.sessions).toEqual(groups[index].sessions)
    })
    await Promise.all(changes)
    expect((await repository.list()).every(({ name }) => name === 'changed')).toBe(true)
  })

  test('does not outlive a worker thread that is terminated', async () => {
    const source = `
      const sg = require(${JSON.stringify(path.resolve(__dirname, '../..'))})
      const { parentPort } = require('node:worker_threads')
      new sg.FileGroupRepository(${JSON.stringify(dir)}).list()
      parentPort.postMessage('begun')`
    const script = `
      const { Worker } = require('node:worker_threads')
      ;(async () => {
        for (let round = 0; round < 5; round += 1) {
          const worker = new Worker(${JSON.stringify(source)}, { eval: true })
          await new Promise((resolve) => worker.once('message', resolve))
          await worker.terminate()
        }
        console.log((await new sg.FileGroupRepository(${JSON.stringify(dir)}).list()).length)
      })()`
    expect(await runScript(script)).toMatchObject({ stdout: '300', code: 0 })
  })
})
