// Stores that other programs wrote to: corrupt files, older and newer formats, and entries that are not groups.

const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const { freshDir, holdLocks, link, linking, makeGroup, makeSession, posix, rejection } = require('./helpers')
const { asRoot, meta, open, plant } = require('./helpers/file-store')

const group = makeGroup()
const { id } = group

describe('what other tools wrote', () => {
  test('is read as what it means today', async () => {
    const dir = freshDir()
    const session = makeSession({ status: 'in_progress' })
    delete session.dependsOn
    plant(dir, JSON.stringify(makeGroup({ status: 'in_progress', sessions: [session] })))
    const found = await open(dir).findById(id)
    expect(found).toEqual(makeGroup({ status: 'running', sessions: [makeSession({ status: 'active' })] }))
    expect(await open(dir).count({ status: 'running' })).toBe(1)
    expect((await open(dir).update(id, { name: 'New' })).sessions[0].dependsOn).toEqual([])
    expect(await open(dir).verify()).toEqual([])
  })

  test('keeps the bytes of every value nobody changes', async () => {
    const dir = freshDir()
    const numbers = '[1.0,1e3,12345678901234567890,-0,1E-7,"\\u00e9\\/"]'
    plant(dir, JSON.stringify(group).replace('{', `{"numbers":${numbers},`))
    const before = await open(dir).revision(id)
    await open(dir).updateSession(id, '001-api', { cost: 1 })
    await open(dir).update(id, { name: 'New' })
    const text = fs.readFileSync(meta(dir), 'utf8')
    expect(text.replace(/\s/g, '')).toContain(`"numbers":${numbers}`)
    expect(await open(dir).revision(id)).not.toBe(before)
  })

  const CORRUPT = [
    ['nothing', '', /line 1 column 0/],
    ['half a file', JSON.stringify(group, null, 2).slice(0, 200), /line \d+ column \d+/],
    ['no JSON', 'hello', /line 1 column 1/],
    ['no JSON behind other letters', '{"é😀": x', /line 1 column 8/],
    ['another JSON', '[]', /line 1/],
    [
      'a wrong field',
      JSON.stringify(makeGroup({ status: 'bogus' }), null, 2),
      /status must be one of .* at line 5 column 13/,
    ],
    ['a key twice', JSON.stringify(group).replace('{', '{"name":"x",'), /name is there twice/],
    [
      'deep nesting',
      JSON.stringify(group).replace('{', `{"x":${'['.repeat(1e5)}${']'.repeat(1e5)},`),
      /1,000 levels/,
    ],
    ['no UTF-8', Buffer.from('{\n  "é\xff', 'latin1'), /it is not UTF-8 at line 2 column 4/],
  ]

  test.each(CORRUPT)(
    '%s is corrupt: found, left as it is, and the reason for nothing else',
    async (_, text, message) => {
      const dir = freshDir()
      const repository = open(dir)
      await repository.save(makeGroup({ id: 'good' }))
      plant(dir, text)
      const corrupt = { code: 'CORRUPT', groupId: id, path: meta(dir) }
      for (const call of [
        () => repository.findById(id),
        () => repository.revision(id),
        () => repository.save(group),
        () => repository.save(group, { ifAbsent: true }),
        () => repository.update(id, { name: 'x' }),
        () => repository.update(id, () => ({ name: 'x' })),
        () => repository.updateSession(id, '001-api', { cost: 1 }),
        () => repository.delete(id, { ifRevision: 'x' }),
      ]) {
        const error = await rejection(call())
        expect(error).toMatchObject(corrupt)
        expect(error.message).toMatch(message)
      }
      expect(fs.readFileSync(meta(dir))).toEqual(Buffer.from(text))
      expect((await repository.list()).map((found) => found.id)).toEqual(['good'])
      expect(await repository.count()).toBe(1)
      expect(await repository.verify()).toMatchObject([{ id, path: meta(dir), kind: 'corrupt' }])
      expect(await repository.delete(id)).toBe(true)
      expect(await repository.verify()).toEqual([])
      await repository.save(group)
    },
  )

  test('a file under the wrong name is a mismatch', async () => {
    const dir = freshDir()
    plant(dir, JSON.stringify(makeGroup({ id: 'another' })))
    expect(await rejection(open(dir).findById(id))).toMatchObject({ code: 'CORRUPT', field: 'id' })
    expect(await open(dir).verify()).toMatchObject([{ id, kind: 'id_mismatch' }])
  })

  test('a newer version can be read, not written', async () => {
    const dir = freshDir()
    const newer = makeGroup({ schemaVersion: 2 })
    plant(dir, JSON.stringify(newer))
    expect(await open(dir).findById(id)).toEqual(newer)
    expect((await open(dir).list()).length).toBe(1)
    for (const call of [
      () => open(dir).save(group),
      () => open(dir).update(id, { name: 'x' }),
      () => open(dir).updateSession(id, '001-api', { cost: 1 }),
    ]) {
      expect(await rejection(call())).toMatchObject({ code: 'NEWER_SCHEMA', groupId: id, path: meta(dir) })
    }
    plant(dir, JSON.stringify({ schemaVersion: 3, id, shape: 'new' }))
    expect((await rejection(open(dir).findById(id))).code).toBe('NEWER_SCHEMA')
    expect(await open(dir).verify()).toMatchObject([{ id, kind: 'newer_schema' }])
  })

  describe('in place of files is not followed and does not block:', () => {
    const areCorrupt = async (dir, names) => {
      for (const name of names) {
        expect(await rejection(open(dir).findById(name))).toMatchObject({ code: 'CORRUPT', groupId: name })
        expect((await rejection(open(dir).save(makeGroup({ id: name })))).code).toBe('CORRUPT')
      }
      expect((await open(dir).verify()).map(({ kind }) => kind)).toEqual(names.map(() => 'corrupt'))
      for (const name of names) expect(await open(dir).delete(name)).toBe(true)
    }

    linking('a link', async () => {
      const dir = freshDir()
      const elsewhere = freshDir()
      await open(elsewhere).save(group)
      fs.mkdirSync(path.join(dir, id))
      link(meta(elsewhere), meta(dir))
      link(path.join(elsewhere, id), path.join(dir, 'linked'))
      await areCorrupt(dir, [id, 'linked'])
      expect(await open(elsewhere).findById(id)).toEqual(group)
    })

    test('a directory', async () => {
      const dir = freshDir()
      fs.mkdirSync(path.join(dir, 'directory', 'meta.json'), { recursive: true })
      await areCorrupt(dir, ['directory'])
    })

    posix('a pipe', async () => {
      const dir = freshDir()
      fs.mkdirSync(path.join(dir, 'pipe'))
      require('node:child_process').execFileSync('mkfifo', [meta(dir, 'pipe')])
      await areCorrupt(dir, ['pipe'])
    })
  })

  test('a file of somebody else is no group: it is neither deleted nor written over', async () => {
    const dir = freshDir()
    const file = path.join(dir, 'notes.txt')
    fs.writeFileSync(file, 'mine')
    expect(await open(dir).findById('notes.txt')).toBe(null)
    expect(await open(dir).delete('notes.txt')).toBe(false)
    expect(await open(dir).update('notes.txt', { name: 'x' })).toBe(null)
    const refusal = { code: 'NOT_COMMITTED', path: file }
    expect(await rejection(open(dir).save(makeGroup({ id: 'notes.txt' })))).toMatchObject(refusal)
    expect(await open(dir).verify()).toMatchObject([{ id: 'notes.txt', path: file, kind: 'leftover' }])
    expect(fs.readFileSync(file, 'utf8')).toBe('mine')
  })

  posix('a socket in place of a group is corrupt, and nothing else fails because of it', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    fs.mkdirSync(path.join(dir, 's'))
    const server = require('node:net').createServer()
    const cwd = process.cwd()
    // On macOS the whole path may be longer than a socket's name can be.
    process.chdir(path.join(dir, 's'))
    await new Promise((resolve) => server.listen('meta.json', resolve))
    process.chdir(cwd)
    try {
      expect(await rejection(open(dir).findById('s'))).toMatchObject({ code: 'CORRUPT', groupId: 's' })
      expect(await open(dir).list()).toEqual([group])
      expect(await open(dir).verify()).toMatchObject([{ id: 's', kind: 'corrupt' }])
      expect(await open(dir).delete('s')).toBe(true)
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })

  test('a byte order mark is skipped', async () => {
    const dir = freshDir()
    plant(dir, `\uFEFF${JSON.stringify(group)}`)
    expect(await open(dir).findById(id)).toEqual(group)
    expect(await open(dir).list()).toEqual([group])
    expect(await open(dir).verify()).toEqual([])
    const revision = await open(dir).revision(id)
    // Other bytes, other revision.
    plant(dir, JSON.stringify(group))
    expect(await open(dir).revision(id)).not.toBe(revision)
    plant(dir, `\uFEFF${JSON.stringify(group)}`)
    expect(await open(dir).revision(id)).toBe(revision)
    await open(dir).updateSession(id, '001-api', { cost: 1 })
    expect(fs.readFileSync(meta(dir), 'utf8')).toMatch(/^\{\n {2}"id"/)
    plant(dir, '\uFEFF{\n  x')
    expect((await rejection(open(dir).findById(id))).message).toContain('at line 2 column 3')
  })

  test('names that older programs used for something else are kept, and hinder nothing', async () => {
    const dir = freshDir()
    const odd = {
      runMs: 'long',
      error: { code: 5 },
      deniedTools: 1,
      usageCounters: [],
      attempts: 3,
      retries: 'often',
    }
    const config = { ...group.config, exclusiveDirectories: 'perhaps', sessionDefaults: undefined }
    const session = makeSession({ ...odd, config: { ...sg.DEFAULT_SESSION_CONFIG, env: 'production' } })
    const older = makeGroup({ control: 'remote', cause: 5, plan: [1e21, null], eventSeq: -1, config })
    older.sessions = [session, makeSession({ id: '002-web' })]
    plant(dir, JSON.stringify(older, null, 2))
    const read = await open(dir).findById(id)
    expect(JSON.stringify(read)).toBe(JSON.stringify(older))
    expect(await open(dir).verify()).toEqual([])

    // Updates of something else, in each way.
    const repository = open(dir)
    expect(await repository.updateSession(id, '001-api', { cost: 1 })).toBe(true)
    expect(await repository.updateSession(id, '002-web', { status: 'active' })).toBe(true)
    expect(await repository.update(id, { description: 'd' })).toMatchObject({
      control: 'remote',
      ...{ cause: 5 },
    })
    const paused = await repository.update(id, (found) => ({
      ...found,
      sessions: found.sessions.map((one) => ({ ...one, status: 'paused' })).reverse(),
    }))
    expect(paused.sessions[1]).toEqual({ ...session, cost: 1, status: 'paused' })
    const text = fs.readFileSync(meta(dir), 'utf8')
    expect(text).toContain(
      '"control": "remote",\n  "cause": 5,\n  "plan": [\n    1e+21,\n    null\n  ],\n  "eventSeq": -1',
    )
    expect(text).toContain('"exclusiveDirectories": "perhaps"')

    // New values are validated, and so is a group that is saved as a whole.
    for (const [call, field] of [
      [() => repository.update(id, { control: 'other' }), 'control'],
      [() => repository.updateSession(id, '001-api', { retries: 'never' }), 'sessions[1].retries'],
      [() => repository.updateSession(id, '002-web', { attempts: 3 }), 'sessions[0].attempts'],
      [() => repository.update(id, { status: 'x' }), 'status'],
      [() => repository.save(paused), 'sessions[1].runMs'],
    ]) {
      expect(await rejection(call())).toMatchObject({ code: 'INVALID_GROUP', groupId: id, field })
    }
    expect(fs.readFileSync(meta(dir), 'utf8')).toBe(text)
    // They can be given a meaning of today, or removed.
    expect(await repository.updateSession(id, '001-api', { ...{ retries: 2 }, attempts: undefined })).toBe(
      true,
    )
    expect(await repository.update(id, { control: undefined, cause: 'manual' })).toMatchObject({
      cause: 'manual',
    })
  })

  linking('links in place of what is the store’s own are not followed', async () => {
    const refusal = { code: 'NOT_COMMITTED', groupId: id }
    const elsewhere = freshDir()
    const dir = freshDir()
    await open(dir).save(group)
    link(elsewhere, path.join(dir, '.trash'))
    expect(await rejection(open(dir).delete(id))).toMatchObject(refusal)
    // Until the lock is let go, which is after the answer: what comes meanwhile is still written under it.
    await new Promise((resolve) => setTimeout(resolve, 50))
    const locks = path.join(dir, '.locks')
    for (const name of fs.readdirSync(locks)) {
      fs.rmSync(path.join(locks, name))
      link(path.join(elsewhere, name), path.join(locks, name))
    }
    expect(await rejection(open(dir).update(id, { name: 'x' }))).toMatchObject(refusal)
    fs.rmSync(locks, { recursive: true })
    link(elsewhere, locks)
    expect(await rejection(open(dir).update(id, { name: 'x' }))).toMatchObject(refusal)
    expect(fs.readdirSync(elsewhere)).toEqual([])
    expect(await open(dir).findById(id)).toEqual(group)
  })

  test('a file that is too large is not read', async () => {
    const dir = freshDir()
    plant(dir, '')
    for (const size of [64 * 1024 * 1024 + 1, 100_000_000]) {
      fs.truncateSync(meta(dir), size)
      const error = await rejection(open(dir).findById(id))
      expect(error).toMatchObject({ code: 'CORRUPT', path: meta(dir) })
      expect(error.message).toContain('larger than 64 MiB')
      expect((await rejection(open(dir).update(id, { name: 'x' }))).code).toBe('CORRUPT')
      expect(fs.statSync(meta(dir)).size).toBe(size)
    }
  })

  asRoot('devices are not read', async () => {
    const dir = freshDir()
    fs.mkdirSync(path.join(dir, 'device'))
    require('node:child_process').execFileSync('mknod', [meta(dir, 'device'), 'c', '1', '5'])
    const error = await rejection(open(dir).findById('device'))
    expect(error.code).toBe('CORRUPT')
    expect(error.message).toContain('not a regular file')
    expect((await rejection(open(dir).update('device', { name: 'x' }))).code).toBe('CORRUPT')
  })

  test('what seems unfinished may still be under way and is left alone', async () => {
    const dir = freshDir()
    fs.mkdirSync(path.join(dir, '.trash', 'x'), { recursive: true })
    fs.mkdirSync(path.join(dir, id))
    fs.writeFileSync(path.join(dir, id, '.meta.json.1.tmp'), '')
    await open(dir).save(group)
    expect(fs.existsSync(path.join(dir, '.trash', 'x'))).toBe(true)
    expect(fs.readdirSync(path.join(dir, id))).toContain('.meta.json.1.tmp')
    expect(await open(dir).verify()).toEqual([])
  })

  test('what another program is just writing is no problem', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    await open(dir).save(makeGroup({ id: 'half' }))
    const whole = fs.readFileSync(meta(dir, 'half'))
    fs.writeFileSync(meta(dir, 'half'), whole.subarray(0, 100))
    fs.mkdirSync(path.join(dir, 'empty'))
    const free = await holdLocks(dir)
    const problems = open(dir).verify()
    // Waits for the locks, and so for the writer that finishes.
    expect(await Promise.race([problems, open(dir).findById(id)])).toMatchObject({ id })
    fs.writeFileSync(meta(dir, 'half'), whole)
    fs.rmdirSync(path.join(dir, 'empty'))
    await free()
    expect(await problems).toEqual([])
  })

  test('names that begin with a dot are the store’s own, whoever made them', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    fs.writeFileSync(path.join(dir, '.changes'), '')
    fs.mkdirSync(path.join(dir, '.newer'))
    expect(await open(dir).verify()).toEqual([])
  })

  test('leftovers are told', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    fs.mkdirSync(path.join(dir, 'empty'))
    fs.writeFileSync(path.join(dir, 'notes.txt'), '')
    const problems = await open(dir).verify()
    expect(problems.every(({ kind, message }) => kind === 'leftover' && message.length > 10)).toBe(true)
    expect(problems.map((problem) => problem.path)).toEqual([
      path.join(dir, 'empty'),
      path.join(dir, 'notes.txt'),
    ])
  })
})

describe('a group that cannot be understood', () => {
  test('is looked at under its lock before a query leaves it out', async () => {
    const dir = freshDir()
    await open(dir).save(makeGroup({ id: 'good' }))
    await open(dir).save(group)
    const free = await holdLocks(dir)
    plant(dir, JSON.stringify(group).slice(0, 100))
    const listed = open(dir).list()
    const counted = open(dir).count()
    await new Promise((resolve) => setTimeout(resolve, 100))
    plant(dir, JSON.stringify(group))
    await free()
    expect((await listed).map((found) => found.id)).toEqual([id, 'good'])
    expect(await counted).toBe(2)
  })

  test('is looked at once as long as its file is the same', async () => {
    const dir = freshDir()
    await open(dir).save(makeGroup({ id: 'good' }))
    plant(dir, '{')
    await new Promise((resolve) => setTimeout(resolve, 150))
    const repository = open(dir)
    expect(await repository.count()).toBe(1)
    const free = await holdLocks(dir)
    // Nobody waits for the lock any more.
    for (let round = 0; round < 3; round++) expect((await repository.list()).length).toBe(1)
    await free()
    plant(dir, JSON.stringify(group))
    expect(await repository.count()).toBe(2)
  })

  test('by the hundred keeps no query from ending', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    for (let index = 0; index < 200; index++) plant(dir, '{', `corrupt-${index}`)
    const repository = open(dir)
    const counts = await Promise.all(Array.from({ length: 20 }, () => repository.count()))
    expect(new Set(counts)).toEqual(new Set([1]))
  })
})
