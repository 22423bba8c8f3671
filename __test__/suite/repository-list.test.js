// Filters, sorting and paging, in every repository.

const { makeGroup, rejection } = require('./helpers')
const { REPOSITORIES, later } = require('./helpers/repositories')

describe.each(REPOSITORIES)('%s', (_, create) => {
  let repository
  const save = async (...groups) => {
    for (const changes of groups) await repository.save(makeGroup(changes))
  }
  const ids = (groups) => groups.map((found) => found.id)
  beforeEach(() => {
    repository = create()
  })

  describe('list and count', () => {
    test('without a filter give all, by id', async () => {
      await save({ id: 'b' }, { id: 'a' }, { id: 'C' }, { id: 'a-1' })
      expect(ids(await repository.list())).toEqual(['C', 'a', 'a-1', 'b'])
      expect(ids(await repository.list(undefined, undefined))).toEqual(['C', 'a', 'a-1', 'b'])
      expect(await repository.count()).toBe(4)
    })

    test('filter by status', async () => {
      await save(
        { id: 'a', status: 'running' },
        { id: 'b', status: 'paused' },
        { id: 'c', status: 'running' },
      )
      expect(ids(await repository.list({ status: 'running' }))).toEqual(['a', 'c'])
      expect(ids(await repository.findByStatus('paused'))).toEqual(['b'])
      expect(await repository.findByStatus('failed')).toEqual([])
      expect(await repository.count({ status: 'running' })).toBe(2)
    })

    test('filter by a part of the name, letter case ignored', async () => {
      await save({ id: 'a', name: 'Ärger im Büro' }, { id: 'b', name: 'STRASSE' }, { id: 'c', name: 'x(y' })
      expect(ids(await repository.list({ nameContains: 'BÜRO' }))).toEqual(['a'])
      expect(ids(await repository.list({ nameContains: 'strasse' }))).toEqual(['b'])
      expect(ids(await repository.list({ nameContains: '(' }))).toEqual(['c'])
      expect(await repository.count({ nameContains: '' })).toBe(3)
    })

    test('filter by a part of the name, whatever its Unicode normal form', async () => {
      const composed = 'Caf\u00e9 \u00c5 \ud55c'
      await save(
        { id: 'nfc', name: composed.normalize('NFC') },
        { id: 'nfd', name: composed.normalize('NFD') },
      )
      await save({ id: 'none', name: 'Cafe A' })
      for (const part of ['CAFÉ', 'café å', 'é', '\ud55c', '\u212b']) {
        for (const form of ['NFC', 'NFD']) {
          expect(ids(await repository.list({ nameContains: part.normalize(form) }))).toEqual(['nfc', 'nfd'])
        }
      }
      expect(ids(await repository.list({ nameContains: 'cafe' }))).toEqual(['none'])
    })

    test('filter without regard to case in every alphabet', async () => {
      await save({ id: 'a', name: 'ΟΔΟΣ' }, { id: 'b', name: 'Straße' }, { id: 'c', name: 'МОСКВА' })
      for (const [part, found] of [
        ['οδος', 'a'],
        ['οδοσ', 'a'],
        ['STRASSE', 'b'],
        ['москва', 'c'],
      ]) {
        expect(ids(await repository.list({ nameContains: part }))).toEqual([found])
      }
    })

    test('filter by time, as an instant', async () => {
      await save(
        { id: 'a', createdAt: '2026-01-15T10:00:00Z' },
        { id: 'b', createdAt: '2026-01-15T12:00:00+01:00' },
      )
      for (const since of [
        '2026-01-15T11:00:00Z',
        '2026-01-15T13:00:00.000+02:00',
        new Date('2026-01-15T11:00:00Z'),
      ]) {
        expect(ids(await repository.list({ since }))).toEqual(['b'])
      }
      for (const since of [
        '2026-01-15t11:00:00z',
        '2026-01-15T11:00:00',
        '2026-01-15T12:30:00+0130',
        '2026-01-15T12:00:00.000000000001+01',
        '+002026-01-15T11:00:00Z',
      ]) {
        expect(ids(await repository.list({ since }))).toEqual(['b'])
      }
      expect(await repository.count({ since: '2026-01-14T24:00:00Z' })).toBe(2)
      expect(await repository.count({ since: '2026-01-15' })).toBe(2)
      expect(await repository.count({ since: new Date('2026-01-15T11:00:00.001Z') })).toBe(0)
    })

    test('sort by time, ties by id', async () => {
      await save(
        { id: 'c', createdAt: later(1), updatedAt: later(9) },
        { id: 'a', createdAt: later(2), updatedAt: later(8) },
        { id: 'b', createdAt: later(1), updatedAt: later(7) },
      )
      const by = async (field, direction) => ids(await repository.list({}, { field, direction }))
      expect(await by('createdAt', 'asc')).toEqual(['b', 'c', 'a'])
      expect(await by('createdAt', 'desc')).toEqual(['a', 'b', 'c'])
      expect(await by('updatedAt', 'asc')).toEqual(['b', 'a', 'c'])
      expect(await by('updatedAt', 'desc')).toEqual(['c', 'a', 'b'])
    })

    test('sort by name as Intl.Collator does', async () => {
      const names = [
        'Zoë',
        'zoe',
        'Zoe',
        'zoé',
        'Ångström',
        'angst',
        'Äpfel',
        'apfel',
        'Apfel',
        'résumé',
        'resume',
        'Resumé',
        'naïve',
        'naive',
        'ñandú',
        'nandu',
        'œuvre',
        'oeuvre',
        'straße',
        'strasse',
        'Łódź',
        'lodz',
        'a-b',
        'ab',
        'a b',
        'a_b',
        '10',
        '9',
        '1a',
        'Été',
        'ete',
        'Žižek',
        'zizek',
        'İstanbul',
        'ıstanbul',
        'istanbul',
        '',
        'ﬁn',
        'fin',
        'co-op',
        'coop',
        'Coöp',
      ]
      for (const [index, name] of names.entries()) await save({ id: `g${index}`, name })
      const { compare } = new Intl.Collator('en')
      const expected = names
        .map((name, index) => ({ name, id: `g${index}` }))
        .sort((a, b) => compare(a.name, b.name) || (a.id < b.id ? -1 : 1))
      const listed = await repository.list({}, { field: 'name', direction: 'asc' })
      expect(listed.map(({ name }) => name)).toEqual(expected.map(({ name }) => name))
      const reversed = await repository.list({}, { field: 'name', direction: 'desc' })
      expect(reversed.map(({ name }) => name)).toEqual(expected.map(({ name }) => name).reverse())
    })

    test('page after sorting; count counts all', async () => {
      for (let index = 0; index < 10; index++) await save({ id: `g${index}`, createdAt: later(10 - index) })
      const newest = { field: 'createdAt', direction: 'desc' }
      expect(ids(await repository.list({ limit: 2 }, newest))).toEqual(['g0', 'g1'])
      expect(ids(await repository.list({ limit: 2, offset: 3 }, newest))).toEqual(['g3', 'g4'])
      expect(ids(await repository.list({ offset: 8 }))).toEqual(['g8', 'g9'])
      expect(await repository.list({ limit: 0 })).toEqual([])
      expect(await repository.list({ offset: 10 })).toEqual([])
      expect(await repository.count({ limit: 1, offset: 5 })).toBe(10)
    })

    test('compare times as instants in the whole range of Date', async () => {
      const ascending = [
        '-271821-04-20T00:00:00Z',
        '-000001-01-01T00:00:00Z',
        '0000-01-01',
        '2026-01-15T10:30:00.1Z',
        '2026-01-15T11:30:00.2+01',
        '9999-12-31T24:00:00Z',
        '+012026-01-15T10:30:00Z',
        '+275760-09-13T00:00:00Z',
      ]
      for (const [index, createdAt] of ascending.entries()) {
        await save({ id: `g${7 - index}`, createdAt, updatedAt: createdAt })
      }
      const expected = ascending.map((_, index) => `g${7 - index}`)
      expect(ids(await repository.list({}, { field: 'createdAt', direction: 'asc' }))).toEqual(expected)
      expect(ids(await repository.list({}, { field: 'updatedAt', direction: 'desc' }))).toEqual(
        expected.toReversed(),
      )
      for (const since of [new Date(8.64e15), '+275760-09-13T00:00:00.000Z']) {
        expect(ids(await repository.list({ since }))).toEqual(['g0'])
      }
      expect(await repository.count({ since: new Date(-8.64e15) })).toBe(8)
      expect(await repository.count({ since: new Date('+010000-01-01T00:00:00Z') })).toBe(3)
    })

    test.each([
      [undefined],
      [null],
      [{}],
      [{ status: undefined, nameContains: undefined, since: undefined, limit: undefined, offset: undefined }],
      [{ status: null, nameContains: null, since: null, limit: null, offset: null }],
      [{ statuss: 'running', page: 2, constructor: 5 }],
      [{ limit: Number.POSITIVE_INFINITY }],
      [new Date()],
    ])('the filter %p leaves nothing out', async (filter) => {
      await save({ id: 'a' }, { id: 'b' })
      expect(ids(await repository.list(filter))).toEqual(['a', 'b'])
      expect(await repository.count(filter)).toBe(2)
    })

    test.each([
      [undefined],
      [null],
      [{}],
      [{ field: undefined, direction: undefined }],
      [{ field: null, direction: null }],
      [{ by: 'name' }],
    ])('the sort %p is none', async (sort) => {
      await save({ id: 'b', name: '1' }, { id: 'a', name: '2' })
      expect(ids(await repository.list(undefined, sort))).toEqual(['a', 'b'])
    })

    test('read getters and inherited properties of filter and sort', async () => {
      class Query {
        #wanted = 'running'
        get status() {
          return this.#wanted
        }
      }
      class Page extends Query {
        field = 'name'
        nulls = 'last'
        get limit() {
          return 1
        }
        get direction() {
          return 'desc'
        }
      }
      await save(
        { id: 'a', name: 'a', status: 'running' },
        { id: 'b', name: 'b', status: 'running' },
        { id: 'c', name: 'c', status: 'paused' },
      )
      expect(ids(await repository.list(new Query()))).toEqual(['a', 'b'])
      expect(ids(await repository.list(new Page(), new Page()))).toEqual(['b'])
      expect(ids(await repository.list(Object.create({ nameContains: 'C' })))).toEqual(['c'])
    })

    test.each([
      [{ limit: -1 }, 'limit'],
      [{ limit: 1.5 }, 'limit'],
      [{ limit: '5' }, 'limit'],
      [{ offset: Number.NaN }, 'offset'],
      [{ offset: -1 }, 'offset'],
      [{ since: new Date(Number.NaN) }, 'since'],
      [{ since: 'last week' }, 'since'],
      [{ since: '26-01-15' }, 'since'],
      [{ since: 5 }, 'since'],
      [{ since: '2026-01-15T24:00:01Z' }, 'since'],
      [{ since: '-000000-01-01T00:00:00Z' }, 'since'],
      [{ since: '+275760-09-13T00:00:00.001Z' }, 'since'],
      [{ limit: Number.NEGATIVE_INFINITY }, 'limit'],
      [{ offset: Number.POSITIVE_INFINITY }, 'offset'],
      [{ status: 'bogus' }, 'status'],
      [{ nameContains: 5 }, 'nameContains'],
      [5, 'filter'],
      [[], 'filter'],
      ['running', 'filter'],
    ])('refuse the filter %j', async (filter, field) => {
      expect(await rejection(repository.list(filter))).toMatchObject({ code: 'INVALID_FILTER', field })
      expect(await rejection(repository.count(filter))).toMatchObject({ code: 'INVALID_FILTER', field })
    })

    test.each([
      [{ field: 'cost', direction: 'asc' }, 'sort.field'],
      [{ field: 'name', direction: 'up' }, 'sort.direction'],
      [{ field: 'name' }, 'sort.direction'],
      [{ direction: 'asc' }, 'sort.field'],
      [{ field: 'name', direction: null }, 'sort.direction'],
      [{ field: 5, direction: 'asc' }, 'sort.field'],
      [['name'], 'sort'],
      ['name', 'sort'],
    ])('refuse the sort %j', async (sort, field) => {
      expect(await rejection(repository.list({}, sort))).toMatchObject({ code: 'INVALID_FILTER', field })
    })

    test('findByStatus refuses what is no status', async () => {
      for (const bad of ['bogus', undefined, null, 5]) {
        expect((await rejection(repository.findByStatus(bad))).code).toBe('INVALID_FILTER')
      }
    })
  })
})
