// Saving, finding and deleting groups, in every repository.

const sg = require('../..')
const { makeGroup, makeSession, rejection, TIME } = require('./helpers')
const { REPOSITORIES, TRICKY } = require('./helpers/repositories')

describe.each(REPOSITORIES)('%s', (_, create) => {
  let repository
  const group = makeGroup()
  const { id } = group
  const stored = () => repository.findById(id)
  const save = async (...groups) => {
    for (const changes of groups) await repository.save(makeGroup(changes))
  }
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
