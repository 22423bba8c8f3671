// One behaviour for all repositories.

const sg = require('../..')
const { freshDir, makeGroup, makeSession, rejection, TIME } = require('./helpers')

const later = (minutes) => new Date(Date.parse(TIME) + minutes * 60_000).toISOString()

/** Values that are easily lost on the way. */
const TRICKY = {
  10: 'a key that is an index',
  numbers: [1e21, 0.1, 10, 1e-7, 123456789012345680000, -0.5, 0],
  empty: [{}, [], '', null],
  text: 'U+2028 \u2028, U+2029 \u2029, emoji 😀, lone \ud800 and \udfff, NUL \u0000, quote " and \\',
  '\ud800': 'a key that is a lone surrogate',
  nested: { b: { a: [[[{ deep: true }]]] }, a: 1 },
  // Spread from JSON, as a literal would set the prototype.
  ...JSON.parse('{"__proto__":"a property like any other"}'),
}

describe.each([
  ['FileGroupRepository', () => new sg.FileGroupRepository(freshDir(), { durability: 'process' })],
  ['InMemoryGroupRepository', () => new sg.InMemoryGroupRepository()],
])('%s', (_, create) => {
  let repository
  const group = makeGroup()
  const { id } = group
  const stored = () => repository.findById(id)
  const save = async (...groups) => {
    for (const changes of groups) await repository.save(makeGroup(changes))
  }
  const ids = (groups) => groups.map((found) => found.id)
  beforeEach(() => {
    repository = create()
  })

  describe('save and findById', () => {
    test('what was saved comes back, field for field, in order', async () => {
      const tricky = makeGroup({
        ...TRICKY,
        name: '\ud800x',
        sessions: [makeSession({ prompt: '\udfff', ...TRICKY })],
      })
      expect(await repository.save(tricky)).toBe(undefined)
      expect(JSON.stringify(await stored())).toBe(JSON.stringify(tricky))
      expect(Object.hasOwn(await stored(), '__proto__')).toBe(Object.hasOwn(tricky, '__proto__'))
    })

    test('a group that is not there is null', async () => {
      expect(await stored()).toBe(null)
      expect(await repository.revision(id)).toBe(null)
    })

    test('saving again replaces the whole group', async () => {
      await save({ description: 'old', extra: 1 }, { name: 'New' })
      expect(await stored()).toEqual(makeGroup({ name: 'New' }))
    })

    test('every read gives fresh objects, and what was saved is copied', async () => {
      const mine = makeGroup()
      await repository.save(mine)
      mine.name = 'changed'
      const read = await stored()
      read.sessions[0].status = 'failed'
      ;(await repository.list())[0].name = 'changed'
      expect(await stored()).toEqual(group)
    })

    test.each([
      '2026-01-15T12:00:00.123456789012Z',
      '2026-01-15T12:00:00+0530',
      '2026-01-15T12:00:00-08',
      '2026-01-15t12:00:00z',
      '2026-01-15T24:00:00Z',
      '2026-01-15T12:00:00',
      '2026-01-15T12:00',
      '2026-01-15',
      '+012026-01-15T12:00:00Z',
      '-000001-01-15T12:00:00Z',
    ])('the time %p is kept as it is', async (time) => {
      const times = { createdAt: time, updatedAt: time, startedAt: time, completedAt: time }
      await save({ ...times, sessions: [makeSession(times)] })
      expect(await stored()).toEqual(makeGroup({ ...times, sessions: [makeSession(times)] }))
    })

    test('fields that are undefined are absent', async () => {
      await save({ description: undefined, sessions: [makeSession({ cost: undefined })] })
      expect('description' in (await stored())).toBe(false)
    })

    test('optional fields are kept', async () => {
      const full = makeGroup({
        description: 'd',
        startedAt: TIME,
        completedAt: TIME,
        control: { request: 'stop', now: true, at: TIME, seq: 2 },
        controlSeen: 1,
        cause: 'usage_limit',
        eventSeq: 7,
        budgetWarned: true,
        runner: { pid: 1, startTime: '1', bootId: 'b', host: 'h', at: TIME },
        plan: { path: '/plan.yaml', name: 'n', vars: { a: 'b' } },
        config: {
          ...group.config,
          exclusiveDirectories: true,
          additionalArgs: ['--verbose'],
          concurrency: sg.DEFAULT_CONCURRENCY_CONFIG,
          sessionDefaults: {
            ...sg.DEFAULT_SESSION_CONFIG,
            claudeMdTemplate: 't',
            settingsOverride: { a: [1] },
          },
        },
        sessions: [
          makeSession({
            template: 't',
            claudeSessionId: 'c',
            startedAt: TIME,
            completedAt: TIME,
            cost: 0.1,
            tokens: { input: 1, output: 2, cacheRead: 3, cacheWrite: 4 },
            config: {
              ...sg.DEFAULT_SESSION_CONFIG,
              variables: { a: 'b' },
              permissionMode: 'acceptEdits',
              allowedTools: ['Bash'],
              disallowedTools: [],
              appendSystemPrompt: 'Be brief.',
              mcpServers: { search: { command: 'search' } },
              env: { A: 'b', C: { from: 'D' } },
            },
            runMs: 5.5,
            error: 'e',
            deniedTools: ['Write'],
            usageCounters: { any: [1] },
            model: 'opus',
            maxBudgetUsd: 1,
            maxTurns: 3,
            timeoutMs: 60_000,
            stallTimeoutMs: 480_000,
            retries: 0,
            allowFailure: true,
            attempts: [
              {
                n: 1,
                uuid: 'u',
                how: 'fresh',
                startedAt: TIME,
                reservedUsd: 0.5,
                claudeSessionId: 'c',
                outcome: 'crashed',
                process: { pid: 1, startTime: '1', bootId: 'b', host: 'h' },
              },
            ],
            waitsUntil: TIME,
            dropped: false,
          }),
        ],
      })
      await repository.save(full)
      expect(await stored()).toEqual(full)
    })
  })

  describe('what is no group is not stored', () => {
    test.each([
      [{ name: 5 }, 'name'],
      [{ name: undefined }, 'name'],
      [{ slug: null }, 'slug'],
      [{ status: 'in_progress' }, 'status'],
      [{ sessions: {} }, 'sessions'],
      [{ config: undefined }, 'config'],
      [{ config: { ...group.config, maxBudgetUsd: -1 } }, 'config.maxBudgetUsd'],
      [{ config: { ...group.config, maxBudgetUsd: Number.POSITIVE_INFINITY } }, 'config.maxBudgetUsd'],
      [{ config: { ...group.config, warningThreshold: 1.1 } }, 'config.warningThreshold'],
      [{ config: { ...group.config, onBudgetExceeded: 'explode' } }, 'config.onBudgetExceeded'],
      [{ config: { ...group.config, maxConcurrentSessions: 0 } }, 'config.maxConcurrentSessions'],
      [{ config: { ...group.config, additionalArgs: ['a', 5] } }, 'config.additionalArgs[1]'],
      [
        { config: { ...group.config, concurrency: { maxConcurrent: 1 } } },
        'config.concurrency.respectDependencies',
      ],
      [
        { config: { ...group.config, sessionDefaults: { generateClaudeMd: 1 } } },
        'config.sessionDefaults.generateClaudeMd',
      ],
      [{ createdAt: 'yesterday' }, 'createdAt'],
      [{ createdAt: '2026-01-15T12:00ZZ' }, 'createdAt'],
      [{ createdAt: '2026-01-15T24:00:00.001Z' }, 'createdAt'],
      [{ createdAt: '-000000-01-15T12:00:00Z' }, 'createdAt'],
      [{ createdAt: '2026-01-15T12:00:00+1' }, 'createdAt'],
      [{ control: { request: 'explode', at: TIME, seq: 1 } }, 'control.request'],
      [{ cause: 'boredom' }, 'cause'],
      [{ plan: 'plan.yaml' }, 'plan'],
      [{ config: { ...group.config, exclusiveDirectories: 'yes' } }, 'config.exclusiveDirectories'],
      [{ sessions: [makeSession({ retries: -1 })] }, 'sessions[0].retries'],
      [{ sessions: [makeSession({ attempts: [{ n: 1 }] })] }, 'sessions[0].attempts[0].uuid'],
      [{ sessions: [makeSession({ waitsUntil: 'soon' })] }, 'sessions[0].waitsUntil'],
      [{ sessions: [makeSession({ runMs: '5' })] }, 'sessions[0].runMs'],
      [{ sessions: [makeSession({ error: {} })] }, 'sessions[0].error'],
      [
        { sessions: [makeSession({ config: { ...sg.DEFAULT_SESSION_CONFIG, env: { A: 5 } } })] },
        'sessions[0].config.env.A',
      ],
      [{ updatedAt: '2026-13-01T00:00:00Z' }, 'updatedAt'],
      [{ startedAt: 5 }, 'startedAt'],
      [{ description: null }, 'description'],
      [{ schemaVersion: 2 }, 'schemaVersion'],
      [{ sessions: [makeSession({ status: 'bogus' })] }, 'sessions[0].status'],
      [{ sessions: [makeSession(), makeSession({ id: 'b', cost: Number.NaN })] }, 'sessions[1].cost'],
      [{ sessions: [makeSession({ cost: -0.1 })] }, 'sessions[0].cost'],
      [{ sessions: [makeSession({ tokens: { input: 1.5, output: 1 } })] }, 'sessions[0].tokens.input'],
      [
        { sessions: [makeSession({ tokens: { input: 1, output: 1, cacheRead: -1 } })] },
        'sessions[0].tokens.cacheRead',
      ],
      [{ sessions: [makeSession({ dependsOn: undefined })] }, 'sessions[0].dependsOn'],
      [{ sessions: [makeSession({ dependsOn: ['a', null] })] }, 'sessions[0].dependsOn[1]'],
      [
        {
          sessions: [
            makeSession({ config: { generateClaudeMd: true, generateSettings: true, settingsOverride: [] } }),
          ],
        },
        'sessions[0].config.settingsOverride',
      ],
      [{ sessions: [makeSession(), makeSession()] }, 'sessions[1].id'],
      [{ sessions: [null] }, 'sessions[0]'],
    ])('%j', async (changes, field) => {
      await repository.save(group)
      const error = await rejection(repository.save(makeGroup(changes)))
      expect(error).toBeInstanceOf(sg.SessionGroupsError)
      expect(error).toMatchObject({ code: 'INVALID_GROUP', groupId: id, field })
      expect(error.message).toContain(field)
      expect(await stored()).toEqual(group)
    })

    test('nor what has another id once it is JSON', async () => {
      const error = await rejection(repository.save({ ...makeGroup(), toJSON: () => makeGroup({ id: 'b' }) }))
      expect(error).toMatchObject({ code: 'INVALID_GROUP', groupId: id, field: 'id' })
      expect(error.message).toContain(`must stay "${id}" while it is saved, but became "b"`)
      expect(await repository.count()).toBe(0)
    })

    test('nor what is longer than 64 MiB', async () => {
      const large = 'x'.repeat(64 * 1024 * 1024 - 1500)
      await save({ description: large })
      const wrong = { code: 'INVALID_GROUP', groupId: id, field: 'group' }
      for (const call of [
        () => repository.save(makeGroup({ description: `${large}${'x'.repeat(1500)}` })),
        () => repository.update(id, { name: 'x'.repeat(1500) }),
        () => repository.update(id, { sessions: [makeSession({ prompt: 'x'.repeat(1500) })] }),
        () => repository.updateSession(id, '001-api', { prompt: 'x'.repeat(1500) }),
      ]) {
        const error = await rejection(call())
        expect(error).toMatchObject(wrong)
        expect(error.message).toMatch(/must be at most 64 MiB of JSON, but is 671\d{5} bytes/)
      }
      expect(await repository.updateSession(id, '001-api', { cost: 1 })).toBe(true)
    }, 120_000)

    test('nor what JSON cannot hold', async () => {
      const cyclic = makeGroup()
      cyclic.self = cyclic
      const throwing = makeGroup()
      Object.defineProperty(throwing, 'name', {
        enumerable: true,
        get: () => {
          throw new Error('boo')
        },
      })
      const deep = makeGroup({ deep: JSON.parse('['.repeat(2000) + ']'.repeat(2000)) })
      for (const bad of [
        undefined,
        null,
        5,
        'x',
        [],
        () => {},
        cyclic,
        makeGroup({ big: 1n }),
        throwing,
        deep,
      ]) {
        expect((await rejection(repository.save(bad))).code).toBe('INVALID_GROUP')
      }
      expect(await repository.count()).toBe(0)
    })
  })

  describe('ids', () => {
    const BAD = [
      '',
      '.',
      '..',
      '../x',
      'a/b',
      'a\\b',
      'a..b',
      '.hidden',
      '-a',
      'a.',
      'ä',
      'a b',
      'a\0',
      'CON',
      'nul.txt',
      'com1',
      'x'.repeat(129),
    ]

    test.each(BAD)('%j names no group: it cannot be saved and is not found', async (bad) => {
      await repository.save(group)
      expect(await rejection(repository.save(makeGroup({ id: bad })))).toMatchObject({
        code: 'INVALID_ID',
        groupId: bad,
        field: 'id',
      })
      expect(await repository.findById(bad)).toBe(null)
      expect(await repository.revision(bad)).toBe(null)
      expect(await repository.update(bad, { name: 'x' })).toBe(null)
      const never = () => {
        throw new Error('called for a group that does not exist')
      }
      expect(await repository.update(bad, never)).toBe(null)
      expect(await repository.updateSession(bad, 's', { cost: 1 })).toBe(false)
      expect(await repository.delete(bad)).toBe(false)
      expect(await repository.list()).toEqual([group])
    })

    test('other arguments are checked for an id that names no group, too', async () => {
      for (const call of [
        () => repository.update('../x', null),
        () => repository.updateSession('../x', 5, {}),
        () => repository.updateSession('../x', 's', undefined),
        () => repository.delete('../x', { ifRevison: 'x' }),
      ]) {
        expect((await rejection(call())).code).toBe('INVALID_ARGUMENT')
      }
      // As for any other group that is not there.
      for (const absent of ['../x', 'none']) {
        expect(await rejection(repository.delete(absent, { ifRevision: 'x' }))).toMatchObject({
          code: 'CONFLICT',
          groupId: absent,
          actualRevision: null,
        })
      }
    })

    test.each(['a', 'A.b_c-d', '0', 'x'.repeat(128), 'console', 'toString', 'constructor'])(
      '%j names one',
      async (good) => {
        await save({ id: good })
        expect((await repository.findById(good)).id).toBe(good)
        expect(await repository.delete(good)).toBe(true)
      },
    )

    test('what is no string is no argument', async () => {
      for (const bad of [undefined, null, 5, {}, [], Symbol('s'), () => {}]) {
        for (const call of [
          () => repository.findById(bad),
          () => repository.update(bad, {}),
          () => repository.updateSession(bad, 's', {}),
          () => repository.updateSession(id, bad, {}),
          () => repository.delete(bad),
          () => repository.revision(bad),
        ]) {
          expect((await rejection(call())).code).toBe('INVALID_ARGUMENT')
        }
      }
    })
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

  describe('delete', () => {
    test('removes a group, and says whether there was one', async () => {
      await repository.save(group)
      expect(await repository.delete(id)).toBe(true)
      expect(await repository.delete(id)).toBe(false)
      expect(await stored()).toBe(null)
      expect(await repository.list()).toEqual([])
      await repository.save(group, { ifAbsent: true })
      expect(await stored()).toEqual(group)
    })
  })

  describe('revisions', () => {
    test('name the stored state', async () => {
      await repository.save(group)
      const first = await repository.revision(id)
      expect(typeof first).toBe('string')
      expect(await repository.revision(id)).toBe(first)
      await repository.updateSession(id, '001-api', { cost: 1 })
      const second = await repository.revision(id)
      expect(second).not.toBe(first)
      await repository.save(group)
      expect(await repository.revision(id)).toBe(first)
    })

    test('ifRevision acts only on that state', async () => {
      await repository.save(group)
      const ifRevision = await repository.revision(id)
      await repository.save(makeGroup({ name: 'B' }), { ifRevision })
      const actualRevision = await repository.revision(id)
      const conflict = { code: 'CONFLICT', groupId: id, actualRevision }
      expect(await rejection(repository.save(group, { ifRevision }))).toMatchObject(conflict)
      expect(await rejection(repository.delete(id, { ifRevision }))).toMatchObject(conflict)
      expect((await stored()).name).toBe('B')
      expect(await repository.delete(id, { ifRevision: actualRevision })).toBe(true)
      expect(await rejection(repository.save(group, { ifRevision }))).toMatchObject({
        code: 'CONFLICT',
        actualRevision: null,
      })
      expect(await rejection(repository.delete(id, { ifRevision }))).toMatchObject({
        code: 'CONFLICT',
        actualRevision: null,
      })
      expect(await repository.count()).toBe(0)
    })

    test('ifAbsent acts only where there is no group', async () => {
      await repository.save(group, { ifAbsent: true })
      const error = await rejection(repository.save(makeGroup({ name: 'B' }), { ifAbsent: true }))
      expect(error).toMatchObject({ code: 'CONFLICT', actualRevision: await repository.revision(id) })
      await repository.save(makeGroup({ name: 'C' }), { ifAbsent: false, ifRevision: undefined })
      expect((await stored()).name).toBe('C')
    })

    test('options that make no sense are refused', async () => {
      for (const [options, field] of [
        [null, 'options'],
        ['x', 'options'],
        [{ ifRevison: 'x' }, 'ifRevison'],
        [{ ifRevision: null }, 'ifRevision'],
        [{ ifRevision: 5 }, 'ifRevision'],
        [{ ifAbsent: 'yes' }, 'ifAbsent'],
        [{ ifAbsent: true, ifRevision: 'x' }, 'options'],
      ]) {
        expect(await rejection(repository.save(group, options))).toMatchObject({
          code: 'INVALID_ARGUMENT',
          field,
        })
      }
      expect(await rejection(repository.delete(id, { ifAbsent: true }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field: 'ifAbsent',
      })
      expect(await repository.count()).toBe(0)
    })
  })

  test('verify finds nothing wrong', async () => {
    expect(await repository.verify()).toEqual([])
    await repository.save(group)
    expect(await repository.verify()).toEqual([])
  })
})

test('the repository in memory can be cleared', async () => {
  const repository = new sg.InMemoryGroupRepository()
  await repository.save(makeGroup())
  expect(repository.clear()).toBe(undefined)
  expect(await repository.list()).toEqual([])
})
