// The files and directories of a store, and their location.

const fs = require('node:fs')
const path = require('node:path')
const { freshDir, link, linking, makeGroup, posix, rejection, root, runScript } = require('./helpers')
const { meta, open } = require('./helpers/file-store')

const group = makeGroup()
const { id } = group
const mode = (file) => (fs.statSync(file).mode & 0o777).toString(8)

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
