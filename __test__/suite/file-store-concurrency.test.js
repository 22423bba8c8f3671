// Simultaneous writes to a store: in one batch, from several repositories, and from several processes.

const path = require('node:path')
const { bun, freshDir, holdLocks, makeGroup, makeSession, rejection, runScript } = require('./helpers')
const { node, open } = require('./helpers/file-store')

const group = makeGroup()
const { id } = group

describe('a batch', () => {
  const large = () =>
    makeGroup({ sessions: Array.from({ length: 3000 }, (_, index) => makeSession({ id: `s${index}` })) })

  test('costs its bytes once, not once for each update', async () => {
    const dir = freshDir()
    const repository = open(dir)
    await repository.save(large())
    const time = async (work) => {
      const begun = performance.now()
      await work()
      return performance.now() - begun
    }
    const update = (index, cost) => repository.updateSession(id, `s${index}`, { cost })
    const single = []
    for (let round = 0; round < 5; round++) single.push(await time(() => update(0, round)))
    const one = Math.min(...single)
    const all = await time(() => Promise.all(Array.from({ length: 1000 }, (_, index) => update(index, 2))))
    // Some 5 times as long; once it was 600 times.
    expect(all / one).toBeLessThan(150)
    const { sessions } = await repository.findById(id)
    expect(sessions.filter(({ cost }) => cost === 2)).toHaveLength(1000)
  }, 120_000)

  test('gives each of its members an outcome of its own', async () => {
    const dir = freshDir()
    const repository = open(dir)
    await repository.save(makeGroup({ description: 'd' }))
    const free = await holdLocks(dir)
    const ifRevision = await repository.revision(id)
    const all = [
      repository.save(makeGroup({ name: 'never' }), { ifAbsent: true }),
      repository.update(id, { name: 'A' }),
      repository.updateSession(id, 'none', { cost: 1 }),
      repository.updateSession(id, '002-web', { status: 'bogus' }),
      repository.updateSession(id, '002-web', { tokens: { input: 1.5, output: 0 } }),
      repository.updateSession(id, '001-api', { id: 'x' }),
      repository.updateSession(id, '001-api', { cost: 1 }),
      repository.update(id, { sessions: [makeSession(), makeSession()] }),
      repository.update(id, { description: undefined }),
      repository.save(makeGroup({ name: 'never' }), { ifRevision }),
      repository.update(id, { name: 'B' }),
    ].map((promise) => promise.catch((error) => error))
    await free()
    const [absent, first, missing, status, tokens, renamed, updated, twice, removed, stale, last] =
      await Promise.all(all)
    expect(absent).toMatchObject({ code: 'CONFLICT', actualRevision: ifRevision })
    expect(first).toMatchObject({ name: 'A', description: 'd' })
    expect([missing, updated]).toEqual([false, true])
    expect(status).toMatchObject({ code: 'INVALID_GROUP', groupId: id, field: 'sessions[1].status' })
    expect(status.message).toContain('sessions[1].status must be one of pending, ')
    expect(tokens).toMatchObject({ code: 'INVALID_GROUP', field: 'sessions[1].tokens.input' })
    expect(renamed).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'id' })
    expect(twice).toMatchObject({ code: 'INVALID_GROUP', field: 'sessions[1].id' })
    expect(removed.sessions[0].cost).toBe(1)
    expect('description' in removed).toBe(false)
    expect(stale.code).toBe('CONFLICT')
    expect(stale.actualRevision).not.toBe(ifRevision)
    expect(last).toMatchObject({ name: 'B' })
    expect(await repository.findById(id)).toEqual(last)
  })
})

describe('several writers', () => {
  const COUNT = `const r = new sg.FileGroupRepository(process.env.DIR, { lockTimeoutMs: 60000 });
    const add = (g) => ({ count: (g.count ?? 0) + 1 });
    (async () => { for (let i = 0; i < 20; i++) await Promise.all([r.update('${id}', add), r.updateSession('${id}', '001-api', { ['p' + process.pid + '_' + i]: i })]); console.log('done') })()`

  test('in processes of Node and Bun lose no update', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    const env = { DIR: dir }
    const runs = [node(), bun(), node(), bun()].map((program) => runScript(COUNT, { program, env }))
    for (const run of await Promise.all(runs)) expect(run).toMatchObject({ code: 0, stdout: 'done' })
    const found = await open(dir).findById(id)
    expect(found.count).toBe(80)
    expect(
      Object.keys(found.sessions[0]).filter((key) => key.startsWith('p') && key.includes('_')).length,
    ).toBe(80)
  }, 60_000)

  test('of several repositories on one directory lose no update', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    const repositories = [
      open(dir),
      open(dir, {}),
      open(`${dir}/.`),
      open(path.join(dir, '..', path.basename(dir))),
    ]
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        repositories[index % 4].update(id, (found) => ({ count: (found.count ?? 0) + 1 })),
      ),
    )
    expect((await open(dir).findById(id)).count).toBe(40)
  })

  test('wait for a lock held elsewhere without stopping anything else', async () => {
    const dir = freshDir()
    const other = freshDir()
    const repository = open(dir, { durability: 'process', lockTimeoutMs: 100 })
    await repository.save(group)
    const free = await holdLocks(dir)
    const patient = open(dir, { lockTimeoutMs: 60_000 }).update(id, { name: 'at last' })
    const waiting = Array.from({ length: 20 }, (_, index) =>
      rejection(repository.update(id, { name: `${index}` })),
    )
    expect((await repository.findById(id)).name).toBe('Logging')
    expect(await repository.count()).toBe(1)
    await open(other).save(group)
    for (const error of await Promise.all(waiting)) {
      expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', groupId: id })
      expect(error.message).toContain('lockTimeoutMs')
    }
    await free()
    expect((await patient).name).toBe('at last')
  })

  test('order is kept for one caller', async () => {
    const repository = open(freshDir())
    const all = [repository.save(group)]
    for (let index = 0; index < 50; index++) all.push(repository.update(id, { name: `${index}` }))
    all.push(
      repository.delete(id),
      repository.update(id, { name: 'gone' }),
      repository.save(makeGroup({ name: 'again' })),
    )
    const results = await Promise.all(all)
    expect(results.slice(1, 51).map(({ name }) => name)).toEqual(
      Array.from({ length: 50 }, (_, index) => `${index}`),
    )
    expect(results.slice(51)).toEqual([true, null, undefined])
    expect((await repository.findById(id)).name).toBe('again')
  })
})
