// Calls that fail: unusable or insecure directories, invalid options, and files of other users.

const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const { freshDir, makeGroup, posix, rejection, runScript, thrown } = require('./helpers')
const { asRoot, meta, node, open, plant } = require('./helpers/file-store')

const group = makeGroup()
const { id } = group

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
