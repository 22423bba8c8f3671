// Behaviour of the repository in files alone: the files on disk, and other processes.

const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const {
  bun,
  freshDir,
  holdLocks,
  link,
  linking,
  makeGroup,
  makeSession,
  posix,
  rejection,
  root,
  runScript,
  thrown,
} = require('./helpers')

const group = makeGroup()
const { id } = group
const FAST = { durability: 'process' }
const open = (dir, options = FAST) => new sg.FileGroupRepository(dir, options)
const meta = (dir, name = id) => path.join(dir, name, 'meta.json')
const mode = (file) => (fs.statSync(file).mode & 0o777).toString(8)
const asRoot = process.getuid?.() === 0 ? test : test.skip
const node = () => (process.versions.bun ? 'node' : process.execPath)

/** Writes a file as another tool would. */
const plant = (dir, text, name = id) => {
  fs.mkdirSync(path.dirname(meta(dir, name)), { recursive: true })
  fs.writeFileSync(meta(dir, name), text)
}

describe('on the disk', () => {
  test('a group is what JSON.stringify prints', async () => {
    const dir = freshDir()
    const tricky = makeGroup({ a: [1e21, 0.1, 10, [], {}, '\u2028 😀 \ud800'], sessions: [], b: { c: [{}] } })
    await open(dir).save(tricky)
    expect(fs.readFileSync(meta(dir), 'utf8')).toBe(JSON.stringify(tricky, null, 2))
    await open(dir).save(group)
    await open(dir).updateSession(id, '002-web', { cost: 0.1, x: { y: [1, 'a\nb'] } })
    const updated = await open(dir).update(id, { 7: 'an index comes first', last: [{ z: 1 }] })
    expect(fs.readFileSync(meta(dir), 'utf8')).toBe(JSON.stringify(updated, null, 2))
  })

  linking('the sessions’ place may be a link to another disk, or what a runner made of it', async () => {
    const dir = freshDir()
    const elsewhere = freshDir()
    await open(dir).save(group)
    fs.rmdirSync(path.join(dir, id, 'sessions'))
    link(elsewhere, path.join(dir, id, 'sessions'))
    expect(await open(dir).update(id, { name: 'a' })).toMatchObject({ name: 'a' })
    fs.unlinkSync(path.join(dir, id, 'sessions'))
    fs.writeFileSync(path.join(dir, id, 'sessions'), '')
    expect(await open(dir).update(id, { name: 'b' })).toMatchObject({ name: 'b' })
    fs.unlinkSync(path.join(dir, id, 'sessions'))
    await open(dir).update(id, { name: 'c' })
    expect(fs.statSync(path.join(dir, id, 'sessions')).isDirectory()).toBe(true)
  })

  /** A store with all that it makes. */
  const wholeStore = async () => {
    const dir = path.join(freshDir(), 'a', 'b')
    await open(dir).save(group)
    await open(dir).save(makeGroup({ id: 'other' }))
    await open(dir).delete('other')
    return dir
  }

  posix('directories and files are private', async () => {
    const dir = await wholeStore()
    for (const name of ['..', '.', id, `${id}/sessions`, '.locks', '.trash'])
      expect(mode(path.join(dir, name))).toBe('700')
    for (const name of [`${id}/meta.json`, '.locks/00', '.locks/3f'])
      expect(mode(path.join(dir, name))).toBe('600')
  })

  test('a group has its file and a place for its sessions', async () => {
    const dir = await wholeStore()
    expect(fs.readdirSync(path.join(dir, id)).sort()).toEqual(['meta.json', 'sessions'])
    expect(
      fs
        .readdirSync(dir)
        .filter((name) => name.startsWith('.'))
        .sort(),
    ).toEqual(['.locks', '.trash'])
  })

  test('nothing is created before the first write, nor by one that is refused', async () => {
    const dir = path.join(freshDir(), 'store')
    const repository = open(dir)
    expect(await repository.findById(id)).toBe(null)
    expect(await repository.list()).toEqual([])
    expect(await repository.count()).toBe(0)
    expect(await repository.verify()).toEqual([])
    expect(await repository.update(id, { name: 'x' })).toBe(null)
    expect(await repository.updateSession(id, 's', { cost: 1 })).toBe(false)
    expect(await repository.delete(id)).toBe(false)
    expect((await rejection(repository.save(makeGroup({ status: 'bogus' })))).code).toBe('INVALID_GROUP')
    expect(fs.existsSync(dir)).toBe(false)
  })

  test('the same bytes again are not written', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    const inode = () => fs.statSync(meta(dir), { bigint: true }).ino
    const before = inode()
    await open(dir, { durability: 'full' }).save(group)
    expect(inode()).toBe(before)
  })

  test('a group that is deleted is gone with all under it', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    fs.mkdirSync(path.join(dir, id, 'sessions', 'logs'))
    fs.writeFileSync(path.join(dir, id, 'sessions', 'logs', 'log'), 'x')
    expect(await open(dir).delete(id)).toBe(true)
    expect(fs.existsSync(path.join(dir, id))).toBe(false)
    expect(fs.readdirSync(path.join(dir, '.trash'))).toEqual([])
  })

  linking('what a link in it leads to is not', async () => {
    const dir = freshDir()
    const elsewhere = freshDir()
    fs.writeFileSync(path.join(elsewhere, 'file'), 'x')
    await open(dir).save(group)
    fs.mkdirSync(path.join(dir, id, 'sessions', 'logs'))
    link(elsewhere, path.join(dir, id, 'sessions', 'logs', 'directory'))
    link(path.join(elsewhere, 'file'), path.join(dir, id, 'sessions', 'logs', 'file'))
    expect(await open(dir).delete(id)).toBe(true)
    expect(fs.existsSync(path.join(dir, id))).toBe(false)
    expect(fs.readdirSync(path.join(dir, '.trash'))).toEqual([])
    expect(fs.readFileSync(path.join(elsewhere, 'file'), 'utf8')).toBe('x')
  })

  test('what is not the groups is left alone', async () => {
    const dir = freshDir()
    fs.mkdirSync(path.join(dir, 'no-group'))
    fs.writeFileSync(path.join(dir, 'README'), 'x')
    await open(dir).save(group)
    expect(await open(dir).findById('no-group')).toBe(null)
    expect(await open(dir).delete('no-group')).toBe(false)
    expect((await open(dir).list()).map((found) => found.id)).toEqual([id])
    expect(fs.readdirSync(dir).sort()).toEqual(['.locks', id, 'README', 'no-group'])
  })

  test('a relative directory is resolved when the repository is made', async () => {
    const dir = freshDir()
    const script = `process.chdir(process.env.DIR); const r = new sg.FileGroupRepository('store'); process.chdir('/'); r.save(${JSON.stringify(group)}).then(() => console.log('saved'))`
    expect((await runScript(script, { env: { DIR: dir } })).stdout).toBe('saved')
    expect(fs.existsSync(meta(path.join(dir, 'store')))).toBe(true)
  })

  test('the default directory is in the home directory', async () => {
    const home = freshDir()
    const script = `new sg.FileGroupRepository().save(${JSON.stringify(group)}).then(() => console.log('saved'))`
    expect((await runScript(script, { env: { HOME: home, USERPROFILE: home } })).stdout).toBe('saved')
    expect(fs.existsSync(meta(path.join(home, '.local/claude-code-agent/session-groups')))).toBe(true)
  })

  test('the home directory is that of process.env when the repository is made', async () => {
    const [home, other] = [freshDir(), freshDir()]
    const change = (dir) => `process.env.HOME = process.env.USERPROFILE = ${JSON.stringify(dir)};`
    const script = `${change(home)} const r = new sg.FileGroupRepository(); ${change(other)}
      r.save(${JSON.stringify(group)}).then(() => console.log('saved'))`
    expect((await runScript(script, { env: { HOME: other, USERPROFILE: other } })).stdout).toBe('saved')
    expect(fs.existsSync(meta(path.join(home, '.local/claude-code-agent/session-groups')))).toBe(true)
    expect(fs.existsSync(path.join(other, '.local'))).toBe(false)
  })

  test('in a worker thread it is that of the worker’s process.env', async () => {
    const [home, other] = [freshDir(), freshDir()]
    const inWorker = `const sg = require(${JSON.stringify(root)}); process.env.HOME = process.env.USERPROFILE = ${JSON.stringify(home)};
      new sg.FileGroupRepository().save(${JSON.stringify(group)}).then(() => console.log('saved'))`
    const script = `new (require('node:worker_threads').Worker)(${JSON.stringify(inWorker)}, { eval: true })`
    expect((await runScript(script, { env: { HOME: other, USERPROFILE: other } })).stdout).toBe('saved')
    expect(fs.existsSync(meta(path.join(home, '.local/claude-code-agent/session-groups')))).toBe(true)
    expect(fs.existsSync(path.join(other, '.local'))).toBe(false)
  })

  test('where there is no process.env it is that of the system', async () => {
    const home = freshDir()
    const script = `const print = console.log; globalThis.process = {}
      new sg.FileGroupRepository().save(${JSON.stringify(group)}).then(() => print('saved'))`
    expect((await runScript(script, { env: { HOME: home, USERPROFILE: home } })).stdout).toBe('saved')
    expect(fs.existsSync(meta(path.join(home, '.local/claude-code-agent/session-groups')))).toBe(true)
  })
})

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

describe('what the disk refuses', () => {
  posix('a base directory that everyone may write to can be read, and is not written to', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    const revision = await open(dir).revision(id)
    fs.chmodSync(dir, 0o777)
    expect(await open(dir).findById(id)).toEqual(group)
    expect(await open(dir).list()).toEqual([group])
    expect(await open(dir).count()).toBe(1)
    expect(await open(dir).revision(id)).toBe(revision)
    expect(await open(dir).verify()).toEqual([])
    const text = fs.readFileSync(meta(dir), 'utf8')
    for (const call of [
      () => open(dir).save(makeGroup({ name: 'x' })),
      () => open(dir).save(makeGroup({ id: 'new' })),
      () => open(dir).update(id, { name: 'x' }),
      () => open(dir).update(id, () => ({ name: 'x' })),
      () => open(dir).updateSession(id, '001-api', { cost: 1 }),
      () => open(dir).delete(id),
    ]) {
      const error = await rejection(call())
      expect(error).toMatchObject({ code: 'INSECURE_STORE', path: dir })
      expect(error.message).toContain('chmod o-w')
    }
    expect(fs.readFileSync(meta(dir), 'utf8')).toBe(text)
    plant(dir, '{', 'corrupt')
    expect(await rejection(open(dir).findById('corrupt'))).toMatchObject({ code: 'CORRUPT' })
    expect(await open(dir).count()).toBe(1)
    fs.chmodSync(dir, 0o755)
    expect(await open(dir).update(id, { name: 'x' })).toMatchObject({ name: 'x' })
  })

  test('a base that is a file is an error, and the file stays', async () => {
    const file = path.join(freshDir(), 'file')
    fs.writeFileSync(file, 'x')
    expect(await rejection(open(file).findById(id))).toMatchObject({ code: 'IO', path: file })
    expect(await rejection(open(file).save(group))).toMatchObject({ code: 'NOT_COMMITTED', path: file })
    expect(fs.readFileSync(file, 'utf8')).toBe('x')
  })

  test('a group that cannot be written is left as it was', async () => {
    const dir = freshDir()
    plant(dir, JSON.stringify(group))
    fs.writeFileSync(path.join(dir, '.locks'), 'no directory')
    const refusal = { code: 'NOT_COMMITTED', groupId: id, path: path.join(dir, '.locks') }
    for (const call of [
      () => open(dir).save(makeGroup({ name: 'New' })),
      () => open(dir).update(id, { name: 'New' }),
      () => open(dir).delete(id),
    ]) {
      expect(await rejection(call())).toMatchObject(refusal)
    }
    expect(fs.readFileSync(meta(dir), 'utf8')).toBe(JSON.stringify(group))
  })

  test('options and paths that make no sense are refused', () => {
    for (const [args, field] of [
      [[5], 'baseDir'],
      [[null], 'baseDir'],
      [[''], 'baseDir'],
      [['a\0b'], 'baseDir'],
      [['x', null], 'options'],
      [['x', { durability: 'none' }], 'durability'],
      [['x', { lockTimeoutMs: -1 }], 'lockTimeoutMs'],
      [['x', { lockTimeoutMs: Number.NaN }], 'lockTimeoutMs'],
      [['x', { lockTimeoutMs: '5' }], 'lockTimeoutMs'],
      [['x', { fsync: false }], 'fsync'],
    ]) {
      expect(thrown(() => new sg.FileGroupRepository(...args))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field,
      })
    }
    open(freshDir(), { durability: undefined, lockTimeoutMs: undefined })
  })
})

/** Runs only as root, who alone can give files to other users. */
describe('files of another user', () => {
  const OTHER = 54321
  const giveAway = (...files) => {
    for (const file of files) fs.chownSync(file, OTHER, OTHER)
  }

  asRoot('are named with their owner and the remedy, and never deleted or written over', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    await open(dir).save(makeGroup({ id: 'mine' }))
    giveAway(meta(dir))
    for (const call of [
      () => open(dir).findById(id),
      () => open(dir).revision(id),
      () => open(dir).save(group),
      () => open(dir).update(id, { name: 'x' }),
      () => open(dir).update(id, () => ({ name: 'x' })),
      () => open(dir).updateSession(id, '001-api', { cost: 1 }),
      () => open(dir).delete(id),
    ]) {
      const error = await rejection(call())
      expect(error).toMatchObject({ code: 'FOREIGN_OWNER', groupId: id, path: meta(dir) })
      expect(error.message).toContain(`belongs to user ${OTHER}`)
      expect(error.message).toContain('this process runs as user 0 (root)')
      expect(error.message).toContain(`chown -R 0 ${path.join(dir, id)}`)
      expect(error.message).not.toContain('delete')
    }
    expect(JSON.parse(fs.readFileSync(meta(dir), 'utf8'))).toEqual(group)
    expect((await open(dir).list()).map((found) => found.id)).toEqual(['mine'])
    expect(await open(dir).count()).toBe(1)
    expect(await open(dir).verify()).toMatchObject([{ id, path: meta(dir), kind: 'foreign_owner' }])
  })

  asRoot('are the reason to reject when the whole store is another user’s', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    await open(dir).save(makeGroup({ id: 'other' }))
    giveAway(dir, path.join(dir, id), meta(dir), path.join(dir, 'other'), meta(dir, 'other'))
    const foreign = { code: 'FOREIGN_OWNER', path: dir }
    const repository = open(dir)
    for (const call of [
      () => repository.list(),
      () => repository.list({ limit: 1 }),
      () => repository.findByStatus('created'),
      () => repository.count({ status: 'failed' }),
    ])
      expect(await rejection(call())).toMatchObject(foreign)
    expect(await rejection(repository.findById(id))).toMatchObject({ code: 'FOREIGN_OWNER', groupId: id })
    expect((await repository.verify()).map(({ kind }) => kind)).toEqual(['foreign_owner', 'foreign_owner'])
  })

  asRoot('are the same for a user who may not even look at them', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    fs.chmodSync(dir, 0o755)
    const script = `process.setuid(${OTHER})
      const r = new sg.FileGroupRepository(process.env.DIR)
      const code = (promise) => promise.then((value) => value, ({ code }) => code)
      ;(async () => {
        console.log(JSON.stringify([await code(r.findById('${id}')), await code(r.list()), await code(r.count()),
          await code(r.update('${id}', {})), await code(r.delete('${id}')), (await r.verify()).map(({ kind }) => kind)]))
      })()`
    const { stdout } = await runScript(script, { program: node(), env: { DIR: dir } })
    const code = 'FOREIGN_OWNER'
    expect(JSON.parse(stdout)).toEqual([code, code, code, code, code, ['foreign_owner']])
  })

  asRoot('are named too where they are in the way of a write', async () => {
    const dir = freshDir()
    const write = (call) => {
      const script = `process.setuid(${OTHER})
        new sg.FileGroupRepository(process.env.DIR).${call}
          .then(() => '{}', ({ code, path, message }) => JSON.stringify({ code, path, message }))
          .then(console.log)`
      return runScript(script, { program: node(), env: { DIR: dir } }).then(({ stdout }) =>
        JSON.parse(stdout),
      )
    }
    await open(dir).save(group)
    giveAway(dir, path.join(dir, id), meta(dir), path.join(dir, '.locks'))
    const locks = fs.readdirSync(path.join(dir, '.locks')).map((name) => path.join(dir, '.locks', name))
    const foreign = (file) => ({
      code: 'FOREIGN_OWNER',
      path: file,
      message: expect.stringContaining('belongs to user 0 (root)'),
    })
    const refused = await write(`update('${id}', { name: 'x' })`)
    expect(locks).toContain(refused.path)
    expect(refused).toEqual(foreign(refused.path))
    giveAway(...locks)
    fs.mkdirSync(path.join(dir, '.trash'), { mode: 0o700 })
    expect(await write(`delete('${id}')`)).toEqual(foreign(path.join(dir, '.trash')))
    giveAway(path.join(dir, '.trash'))
    expect(await write(`delete('${id}')`)).toEqual({})
    expect(fs.existsSync(meta(dir))).toBe(false)
  })

  asRoot('are not confused with files of one’s own that may not be read', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    giveAway(dir, path.join(dir, id), path.join(dir, '.locks'), meta(dir))
    fs.chmodSync(meta(dir), 0)
    const script = `process.setuid(${OTHER})
      const r = new sg.FileGroupRepository(process.env.DIR)
      const code = (promise) => promise.then((value) => value, ({ code }) => code)
      ;(async () => {
        const [problem] = await r.verify()
        console.log(JSON.stringify([await code(r.findById('${id}')), await code(r.list()), await code(r.count()), problem.kind]))
      })()`
    const { stdout } = await runScript(script, { program: node(), env: { DIR: dir } })
    expect(JSON.parse(stdout)).toEqual(['IO', 'IO', 'IO', 'foreign_owner'])
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
