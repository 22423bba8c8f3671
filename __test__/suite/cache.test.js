// The cache is invisible: the next call sees every change of a file, however it was made. `npm test` runs this twice, also
// with SESSION_GROUPS_POLLING, where each call looks at the files.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { createInterface } = require('node:readline')
const sg = require('../..')
const { freshDir, link, linking, makeGroup, posix, renameOver, root, runScript } = require('./helpers')
const { node } = require('./helpers/file-store')

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `20260115-103000-${letter}`)
const open = (dir) => new sg.FileGroupRepository(dir, { durability: 'process' })
const meta = (dir, id) => path.join(dir, id, 'meta.json')

/** In whole milliseconds, so that JavaScript can set it exactly. */
const MODIFIED = new Date('2026-01-15T10:30:00.123Z')

/** Two groups whose texts are equally long. */
const text = (id, name, status = 'created') => JSON.stringify(makeGroup({ id, name, status }), null, 2)

/** A store whose files are old enough for the cache to know all of them, and which was read often enough to be watched. */
const knownStore = async (ids = IDS) => {
  const dir = freshDir()
  for (const id of ids) {
    plant(dir, id, 'name-0')
    fs.utimesSync(meta(dir, id), MODIFIED, MODIFIED)
  }
  await new Promise((resolve) => setTimeout(resolve, 150))
  const repository = open(dir)
  for (let round = 0; round < 3; round += 1) await repository.list()
  return { dir, repository }
}

/** Creates a group as another program would. */
const plant = (dir, id, name) => {
  fs.mkdirSync(path.join(dir, id))
  fs.writeFileSync(meta(dir, id), text(id, name))
}

/** The names that each way of reading gives. */
const names = async (repository) => {
  const listed = await repository.list()
  const paged = await repository.list({ limit: 100 })
  const found = await Promise.all(IDS.map((id) => repository.findById(id)))
  expect(paged).toEqual(listed)
  expect(found.filter((group) => group !== null)).toEqual(listed)
  const counts = await Promise.all(
    listed.map(({ name }) => repository.count({ nameContains: name, status: 'created' })),
  )
  expect(counts.every((count) => count > 0)).toBe(true)
  return listed.map(({ name }) => name)
}

const unchanged = IDS.map(() => 'name-0')
const firstIs = (name) => [name, ...unchanged.slice(1)]

describe('a change of the same length, at once', () => {
  const rounds = Array.from({ length: 200 }, (_, index) => `name-${index % 10}`)

  test('written into the file that is there', async () => {
    const { dir, repository } = await knownStore()
    for (const name of rounds) {
      fs.writeFileSync(meta(dir, IDS[0]), text(IDS[0], name))
      expect((await repository.list())[0].name).toBe(name)
      expect((await repository.findById(IDS[0])).name).toBe(name)
    }
    expect(await names(repository)).toEqual(firstIs(rounds.at(-1)))
  })

  test('renamed over the file that is there, whose inode is given out again', async () => {
    const { dir, repository } = await knownStore()
    const temporary = path.join(dir, IDS[0], '.other.tmp')
    for (const name of rounds) {
      fs.writeFileSync(temporary, text(IDS[0], name))
      renameOver(temporary, meta(dir, IDS[0]))
      expect((await repository.list({ limit: 1 }))[0].name).toBe(name)
      expect(await repository.count({ nameContains: name })).toBeGreaterThan(0)
    }
  })

  linking('by this package, and by another name for the same store', async () => {
    const { dir, repository } = await knownStore()
    const other = path.join(freshDir(), 'link')
    link(dir, other)
    const writer = open(other)
    for (const name of rounds) {
      await writer.update(IDS[0], { name })
      expect((await repository.list())[0].name).toBe(name)
    }
  })
})

describe('a change behind the back of what is known', () => {
  test('with the old time of modification', async () => {
    const { dir, repository } = await knownStore()
    fs.writeFileSync(meta(dir, IDS[0]), text(IDS[0], 'name-1'))
    fs.utimesSync(meta(dir, IDS[0]), MODIFIED, MODIFIED)
    expect(await names(repository)).toEqual(firstIs('name-1'))
  })

  test('a group that goes and comes back', async () => {
    const { dir, repository } = await knownStore()
    fs.renameSync(path.join(dir, IDS[0]), path.join(dir, '.away'))
    expect(await names(repository)).toEqual(unchanged.slice(1))
    fs.renameSync(path.join(dir, '.away'), path.join(dir, IDS[0]))
    expect(await names(repository)).toEqual(unchanged)
  })

  linking('the very same file behind a link is not followed', async () => {
    const { dir, repository } = await knownStore()
    const away = path.join(freshDir(), 'away')
    fs.renameSync(path.join(dir, IDS[0]), away)
    link(away, path.join(dir, IDS[0]))
    expect(await repository.count()).toBe(IDS.length - 1)
    expect((await repository.list()).map(({ id }) => id)).toEqual(IDS.slice(1))
    await expect(repository.findById(IDS[0])).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  test('a file that is a group no more', async () => {
    const { dir, repository } = await knownStore()
    fs.writeFileSync(meta(dir, IDS[0]), text(IDS[0], 'name-0').replace('{', '['))
    expect(await repository.count()).toBe(IDS.length - 1)
    await expect(repository.findById(IDS[0])).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(await repository.verify()).toMatchObject([{ kind: 'corrupt', id: IDS[0] }])
  })

  test('through another name of the file', async () => {
    const { dir, repository } = await knownStore()
    const other = path.join(freshDir(), 'other')
    fs.linkSync(meta(dir, IDS[0]), other)
    expect(await names(repository)).toEqual(unchanged)
    for (const name of ['name-1', 'name-2']) {
      fs.writeFileSync(other, text(IDS[0], name))
      expect(await names(repository)).toEqual(firstIs(name))
    }
    fs.unlinkSync(other)
    expect(await names(repository)).toEqual(firstIs('name-2'))
  })

  test('by a program that opened the file before it was linked into place', async () => {
    const { dir, repository } = await knownStore()
    const other = path.join(freshDir(), 'other')
    fs.writeFileSync(other, text(IDS[0], 'name-1'))
    const descriptor = fs.openSync(other, 'r+')
    fs.unlinkSync(meta(dir, IDS[0]))
    fs.linkSync(other, meta(dir, IDS[0]))
    fs.unlinkSync(other)
    for (let round = 0; round < 3; round += 1) expect(await names(repository)).toEqual(firstIs('name-1'))
    fs.writeSync(descriptor, text(IDS[0], 'name-2'), 0)
    expect(await names(repository)).toEqual(firstIs('name-2'))
    fs.closeSync(descriptor)
  })

  test('a directory that takes the place of another', async () => {
    const { dir, repository } = await knownStore()
    const [first, other, away] = [path.join(dir, IDS[0]), path.join(dir, '.other'), path.join(dir, '.away')]
    for (let round = 1; round < 10; round += 1) {
      fs.mkdirSync(other)
      fs.writeFileSync(path.join(other, 'meta.json'), text(IDS[0], `name-${round}`))
      fs.renameSync(first, away)
      fs.renameSync(other, first)
      expect(await names(repository)).toEqual(firstIs(`name-${round}`))
      fs.rmSync(away, { recursive: true })
    }
  })

  posix('permissions', async () => {
    const { dir } = await knownStore()
    const script = `
      const fs = require('node:fs')
      const [dir, file, directory] = process.argv.slice(-3)
      // Nothing is forbidden to root.
      if (process.getuid() === 0) {
        for (const name of fs.readdirSync(dir, { recursive: true })) fs.chownSync(dir + '/' + name, 65534, 65534)
        process.setuid(65534)
      }
      const repository = new sg.FileGroupRepository(dir)
      const look = async () => {
        const found = await repository.findById('${IDS[0]}').then(({ id }) => id, ({ code }) => code)
        return [found, await repository.count(), (await repository.list({ limit: 20 })).length].join()
      }
      const main = async () => {
        for (let round = 0; round < 3; round++) console.log(await look())
        for (const [name, mode] of [[file, 0o600], [directory, 0o700]]) {
          fs.chmodSync(name, 0)
          console.log(await look())
          fs.chmodSync(name, mode)
          console.log(await look())
        }
      }
      main()`
    const args = [dir, meta(dir, IDS[0]), path.join(dir, IDS[0])]
    fs.chmodSync(dir, 0o755)
    const { stdout, stderr } = await runScript(script, { program: node(), args })
    expect(stderr).toBe('')
    const [allowed, forbidden] = [`${IDS[0]},6,6`, 'IO,5,5']
    expect(stdout.split('\n')).toEqual([allowed, allowed, allowed, forbidden, allowed, forbidden, allowed])
  })

  test('another store in the same place', async () => {
    const { dir, repository } = await knownStore()
    const other = await knownStore()
    fs.writeFileSync(meta(other.dir, IDS[0]), text(IDS[0], 'name-1'))
    fs.renameSync(dir, `${dir}-away`)
    fs.renameSync(other.dir, dir)
    expect(await names(repository)).toEqual(firstIs('name-1'))
    fs.renameSync(`${dir}-away`, other.dir)
  })

  test('a write is based on what is there, not on what is known', async () => {
    const { dir, repository } = await knownStore()
    const revision = await repository.revision(IDS[0])
    fs.writeFileSync(meta(dir, IDS[0]), text(IDS[0], 'name-1'))
    const updated = await repository.update(IDS[0], { description: 'x' })
    expect(updated).toMatchObject({ name: 'name-1', description: 'x' })
    const late = repository.save(makeGroup({ id: IDS[0] }), { ifRevision: revision })
    await expect(late).rejects.toMatchObject({ code: 'CONFLICT' })
  })
})

test('what is given out belongs to the caller', async () => {
  const { repository } = await knownStore()
  for (const group of await repository.list()) group.name = 'mine'
  const found = await repository.findById(IDS[0])
  found.sessions.length = 0
  expect(await names(repository)).toEqual(unchanged)
  expect((await repository.findById(IDS[0])).sessions).toHaveLength(2)
})

test('pages of a store that others change are whole and match', async () => {
  const { dir, repository } = await knownStore()
  let done = false
  const write = async () => {
    for (let round = 0; round < 100; round += 1) {
      const id = IDS[round % IDS.length]
      const status = round % 2 ? 'created' : 'running'
      fs.writeFileSync(`${meta(dir, id)}.tmp`, text(id, `name-${round % 10}`, status))
      renameOver(`${meta(dir, id)}.tmp`, meta(dir, id))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const writer = write().finally(() => {
    done = true
  })
  while (!done) {
    const page = await repository.list({ status: 'created', limit: 2 }, { field: 'name', direction: 'asc' })
    expect(page.length).toBeLessThanOrEqual(2)
    expect(page.every(({ status }) => status === 'created')).toBe(true)
    expect(page.map(({ name }) => name)).toEqual(page.map(({ name }) => name).sort())
  }
  await writer
})

/** Starts another process that runs lines of JavaScript and says when each is done. */
const startOther = () => {
  const script = `
    const fs = require('node:fs')
    const sg = require(${JSON.stringify(root)})
    require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) => {
      await eval(line)
      console.log('done')
    })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const run = async (line) => {
    child.stdin.write(`${line}\n`)
    expect(await answers.next()).toEqual({ value: 'done', done: false })
  }
  return { run, end: () => child.stdin.end() }
}

test('groups that another process creates and deletes are counted at once', async () => {
  const { dir, repository } = await knownStore()
  const other = startOther()
  const quoted = JSON.stringify
  await other.run(`globalThis.repository = new sg.FileGroupRepository(${quoted(dir)})`)
  for (let round = 0; round < 20; round += 1) {
    const [id, directory] = [`h-${round}`, path.join(dir, `i-${round}`)]
    await other.run(`repository.save(${text(id, 'name-1').replaceAll('\n', '')})`)
    expect(await repository.count()).toBe(IDS.length + 1)
    await other.run(`fs.mkdirSync(${quoted(directory)})`)
    expect(await repository.count()).toBe(IDS.length + 1)
    const stored = text(path.basename(directory), 'name-1')
    await other.run(`fs.writeFileSync(${quoted(path.join(directory, 'meta.json'))}, ${quoted(stored)})`)
    expect(await repository.count({ nameContains: 'name-1' })).toBe(2)
    await other.run(`repository.delete('${id}')`)
    expect(await repository.count({ nameContains: 'name-1' })).toBe(1)
    await other.run(`fs.rmSync(${quoted(directory)}, { recursive: true })`)
    expect(await repository.count({ nameContains: 'name-1' })).toBe(0)
    expect(await names(repository)).toEqual(unchanged)
  }
  other.end()
})

test('changes among many groups', async () => {
  const ids = Array.from({ length: 1_500 }, (_, index) => `20260115-103000-${String(index).padStart(4, '0')}`)
  const { dir, repository } = await knownStore(ids)
  const newest = () => repository.list({ limit: 3, nameContains: 'name-1' })
  for (let round = 0; round < 30; round += 1) {
    const id = ids[round * 50]
    fs.writeFileSync(meta(dir, id), text(id, 'name-1', 'running'))
    expect(await repository.count({ status: 'running' })).toBe(1)
    expect((await newest()).map((group) => group.id)).toEqual([id])
    fs.rmSync(path.join(dir, id), { recursive: true })
    expect(await repository.count()).toBe(ids.length - 1)
    expect(await repository.findById(id)).toBe(null)
    plant(dir, id, 'name-0')
    expect(await repository.count()).toBe(ids.length)
    expect(await newest()).toEqual([])
  }
})
