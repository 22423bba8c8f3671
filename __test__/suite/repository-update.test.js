// Updates of groups and of their sessions, in every repository.

const { makeGroup, makeSession, rejection, TIME } = require('./helpers')
const { REPOSITORIES, TRICKY, later } = require('./helpers/repositories')

describe.each(REPOSITORIES)('%s', (_, create) => {
  let repository
  const { id } = makeGroup()
  const stored = () => repository.findById(id)
  const save = async (...groups) => {
    for (const changes of groups) await repository.save(makeGroup(changes))
  }
  beforeEach(() => {
    repository = create()
  })

  describe('update', () => {
    beforeEach(() => repository.save(makeGroup({ ...TRICKY, description: 'd' })))

    test('merges fields and gives the result', async () => {
      const updated = await repository.update(id, { status: 'running', startedAt: later(1), future: [1e21] })
      expect(updated).toEqual(await stored())
      expect(updated).toMatchObject({
        status: 'running',
        startedAt: later(1),
        future: [1e21],
        description: 'd',
      })
      const { status, startedAt, future, updatedAt, ...rest } = updated
      const { status: _status, updatedAt: _updatedAt, ...before } = makeGroup({ ...TRICKY, description: 'd' })
      expect(JSON.stringify(rest)).toBe(JSON.stringify(before))
      expect(Date.parse(updatedAt)).toBeGreaterThan(Date.parse(TIME))
    })

    test('undefined removes an optional field, unknown ones included', async () => {
      await repository.update(id, { description: undefined, nested: undefined, never: undefined })
      const after = await stored()
      expect('description' in after || 'nested' in after || 'never' in after).toBe(false)
      expect(after.numbers).toEqual(TRICKY.numbers)
    })

    test('a required field cannot be removed', async () => {
      for (const field of ['name', 'status', 'sessions', 'config']) {
        const error = await rejection(repository.update(id, { [field]: undefined }))
        expect(error).toMatchObject({ code: 'INVALID_GROUP', field })
      }
    })

    test('id, slug and createdAt cannot be changed', async () => {
      for (const [field, value] of [
        ['id', 'b'],
        ['slug', 'b'],
        ['createdAt', later(1)],
        ['id', undefined],
        ['slug', null],
      ]) {
        const error = await rejection(repository.update(id, { [field]: value }))
        expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field })
      }
      expect((await repository.update(id, { ...(await stored()), name: 'same' })).name).toBe('same')
    })

    test('what would be no group is refused, and nothing changes', async () => {
      const before = await repository.revision(id)
      for (const [changes, field] of [
        [{ status: 'bogus' }, 'status'],
        [{ sessions: [makeSession({ cost: -1 })] }, 'sessions[0].cost'],
        [{ updatedAt: 'never' }, 'updatedAt'],
        [{ startedAt: null }, 'startedAt'],
      ]) {
        expect(await rejection(repository.update(id, changes))).toMatchObject({
          code: 'INVALID_GROUP',
          field,
        })
      }
      expect(await repository.revision(id)).toBe(before)
    })

    test('changes that are none are refused', async () => {
      const cyclic = {}
      cyclic.self = cyclic
      for (const bad of [
        undefined,
        null,
        5,
        'x',
        [],
        cyclic,
        { name: () => {} },
        { x: Symbol('s') },
        { x: 1n },
        new Date(),
      ]) {
        expect((await rejection(repository.update(id, bad))).code).toBe('INVALID_ARGUMENT')
      }
    })

    test('updatedAt is set to now, never to an earlier time than it was', async () => {
      expect(Math.abs(Date.parse((await repository.update(id, {})).updatedAt) - Date.now())).toBeLessThan(
        60_000,
      )
      const future = '2999-01-01T00:00:00.000Z'
      await save({ updatedAt: future })
      expect((await repository.update(id, { name: 'x' })).updatedAt).toBe(future)
      await repository.updateSession(id, '001-api', { cost: 1 })
      expect((await stored()).updatedAt).toBe(future)
    })

    test('updatedAt may be given, but never goes back', async () => {
      const at = (time) => repository.update(id, { updatedAt: time }).then(({ updatedAt }) => updatedAt)
      const given = '2998-01-01T01:00:00+01:00'
      expect(await at(given)).toBe(given)
      expect(await at(TIME)).toBe(given)
      expect((await repository.update(id, () => ({ updatedAt: '2998-01-01T00:00:00.5Z' }))).updatedAt).toBe(
        '2998-01-01T00:00:00.5Z',
      )
    })

    test('updatedAt that was spread into the changes is no given one', async () => {
      await repository.update(id, (group) => ({ ...group, name: 'spread' }))
      expect((await stored()).name).toBe('spread')
      expect(Date.parse((await stored()).updatedAt)).toBeGreaterThan(Date.parse(TIME))
    })

    test('updatedAt does not go back within a millisecond', async () => {
      for (let round = 0; round < 200; round++) {
        const updatedAt = new Date().toISOString().replace('Z', '0001Z')
        await save({ updatedAt })
        const { updatedAt: after } = await repository.update(id, { name: 'x' })
        if (Date.parse(after) === Date.parse(updatedAt)) expect(after).toBe(updatedAt)
        await repository.updateSession(id, '001-api', { cost: 1 })
        expect(Date.parse((await stored()).updatedAt)).toBeGreaterThanOrEqual(Date.parse(after))
      }
    })

    test('a group that is not there is null', async () => {
      expect(await repository.update('none', { name: 'x' })).toBe(null)
      expect(
        await repository.update('none', () => {
          throw new Error('not called')
        }),
      ).toBe(null)
    })

    test('takes a function of the stored group', async () => {
      const updated = await repository.update(id, (found) => {
        found.name = 'a change to the copy'
        return { description: `${found.description}!`, empty: undefined }
      })
      expect(updated).toMatchObject({ name: 'Logging', description: 'd!' })
      expect('empty' in updated).toBe(false)
    })

    test('calls the function again on the newer group', async () => {
      const count = (found) => ({ count: (found.count ?? 0) + 1 })
      await Promise.all(Array.from({ length: 20 }, () => repository.update(id, count)))
      expect((await stored()).count).toBe(20)
    })

    test('what the function itself writes comes after its own changes', async () => {
      const all = []
      let calls = 0
      const updated = await repository.update(id, (found) => {
        calls += 1
        all.push(repository.update(id, { name: `${found.name} again` }), repository.findById(id))
        return { name: 'first', description: 'kept' }
      })
      expect([calls, updated.name]).toEqual([1, 'first'])
      const [again, before] = await Promise.all(all)
      // It reads at the same time as the writes, so it may see either state.
      expect(before.id).toBe(id)
      expect(again).toMatchObject({ name: 'Logging again', description: 'kept' })
    })

    test('what the function throws comes as it is', async () => {
      for (const thing of [new TypeError('mine'), 5, null, undefined, 'text']) {
        expect(
          await rejection(
            repository.update(id, () => {
              throw thing
            }),
          ),
        ).toBe(thing)
      }
    })

    test('what the function returns must be changes', async () => {
      for (const bad of [undefined, null, 5, [], Promise.resolve({ name: 'late' })]) {
        expect((await rejection(repository.update(id, () => bad))).code).toBe('INVALID_ARGUMENT')
      }
      expect((await rejection(repository.update(id, () => ({ slug: 'b' })))).field).toBe('slug')
      expect((await rejection(repository.update(id, () => ({ status: 'b' })))).code).toBe('INVALID_GROUP')
    })
  })

  describe('updateSession', () => {
    beforeEach(() =>
      save({ sessions: [makeSession({ ...TRICKY, cost: 1 }), makeSession({ id: '002-web', ...TRICKY })] }),
    )

    test('merges fields into one session and touches no other', async () => {
      const tokens = { input: 1, output: 2 }
      expect(await repository.updateSession(id, '002-web', { status: 'active', tokens, extra: 0.1 })).toBe(
        true,
      )
      const [first, second] = (await stored()).sessions
      expect(JSON.stringify(first)).toBe(JSON.stringify(makeSession({ ...TRICKY, cost: 1 })))
      const expected = { ...makeSession({ id: '002-web', ...TRICKY }), status: 'active', tokens, extra: 0.1 }
      expect(JSON.stringify(second)).toBe(JSON.stringify(expected))
      expect(Date.parse((await stored()).updatedAt)).toBeGreaterThan(Date.parse(TIME))
    })

    test('undefined removes an optional field', async () => {
      await repository.updateSession(id, '001-api', { cost: undefined, numbers: undefined })
      const [session] = (await stored()).sessions
      expect('cost' in session || 'numbers' in session).toBe(false)
      const error = await rejection(repository.updateSession(id, '001-api', { prompt: undefined }))
      expect(error).toMatchObject({ code: 'INVALID_GROUP', field: 'sessions[0].prompt' })
    })

    test('is false when group or session is missing', async () => {
      expect(await repository.updateSession('none', '001-api', { cost: 1 })).toBe(false)
      expect(await repository.updateSession(id, 'none', { cost: 1 })).toBe(false)
    })

    test('refuses a change of the id and what would be no session', async () => {
      const before = await repository.revision(id)
      expect(await rejection(repository.updateSession(id, '001-api', { id: 'b' }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field: 'id',
      })
      expect(await rejection(repository.updateSession(id, '002-web', { cost: -1 }))).toMatchObject({
        code: 'INVALID_GROUP',
        field: 'sessions[1].cost',
      })
      for (const bad of [undefined, null, 5, [], () => ({})]) {
        expect((await rejection(repository.updateSession(id, '001-api', bad))).code).toBe('INVALID_ARGUMENT')
      }
      expect(await repository.revision(id)).toBe(before)
    })

    test('many at once are all kept, in order', async () => {
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          repository.updateSession(id, '001-api', { [`f${index}`]: index, last: index }),
        ),
      )
      const [session] = (await stored()).sessions
      for (let index = 0; index < 100; index++) expect(session[`f${index}`]).toBe(index)
      expect(session.last).toBe(99)
    })
  })
})
