// `watch` of a store of files: changes by other processes and by other programs, and stores that come and go.

const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const { freshDir, makeGroup, runScript } = require('./helpers')

const open = []
afterEach(async () => {
  for (const changes of open.splice(0)) await changes.return()
})

const watch = (dir, options) => {
  const changes = new sg.FileGroupRepository(dir).watch(options)
  open.push(changes)
  return changes
}

/** Waits until a group is reported with this name, `null` for a deleted one. Other states may be reported before. */
const reported = async (changes, id, name) => {
  for (;;) {
    const { value } = await changes.next()
    if (value.error === undefined && value.id === id && (value.group?.name ?? null) === name) return value
  }
}

const meta = (dir, id) => path.join(dir, id, 'meta.json')
const text = (id, name) => JSON.stringify(makeGroup({ id, name }), null, 2)

/** Writes a group as the TypeScript original does: into the file that is there. */
const write = (dir, id, name) => {
  fs.mkdirSync(path.dirname(meta(dir, id)), { recursive: true })
  fs.writeFileSync(meta(dir, id), text(id, name))
}

/** Writes a group as `git checkout` does: the file is deleted and created again. */
const checkOut = (dir, id, name) => {
  fs.rmSync(meta(dir, id), { force: true })
  write(dir, id, name)
}

/** Writes a group as `rsync` and editors do: a new file is renamed over the old one. */
const replace = (dir, id, name) => {
  fs.mkdirSync(path.join(dir, id), { recursive: true })
  fs.writeFileSync(`${meta(dir, id)}~`, text(id, name))
  fs.renameSync(`${meta(dir, id)}~`, meta(dir, id))
}

test.each([
  ['in place', write],
  ['by deleting and creating the file', checkOut],
  ['by renaming a new file over it', replace],
])('a group that another program writes %s is reported each time', async (_, put) => {
  const dir = freshDir()
  const changes = watch(dir)
  for (const name of ['1', '2', '3', '4', '5']) {
    put(dir, 'a', name)
    await reported(changes, 'a', name)
  }
  fs.rmSync(path.join(dir, 'a'), { recursive: true })
  await reported(changes, 'a', null)
})

test('changes by another process are reported, with the revision that it has stored', async () => {
  const dir = freshDir()
  const changes = watch(dir)
  const script = `
    const repository = new sg.FileGroupRepository(process.env.DIR);
    (async () => {
      await repository.save(${JSON.stringify(makeGroup({ id: 'a', name: 'New' }))});
      await repository.update('a', { name: 'Changed' });
      console.log(await repository.revision('a'));
    })()`
  const [{ revision }, { stdout }] = await Promise.all([
    reported(changes, 'a', 'Changed'),
    runScript(script, { env: { DIR: dir } }),
  ])
  expect(stdout.trim()).toBe(revision)
})

test('a file that is not a group is reported with its error until it is one again', async () => {
  const dir = freshDir()
  write(dir, 'a', 'whole')
  const changes = watch(dir)
  await reported(changes, 'a', 'whole')
  fs.writeFileSync(meta(dir, 'a'), '{ "id": ')
  const { value } = await changes.next()
  expect(value).toMatchObject({ id: 'a', revision: null, group: null })
  expect(value.error).toBeInstanceOf(sg.SessionGroupsError)
  expect(value.error).toMatchObject({ code: 'CORRUPT', groupId: 'a', path: meta(dir, 'a') })
  write(dir, 'a', 'whole again')
  expect(await reported(changes, 'a', 'whole again')).not.toHaveProperty('error')
})

test('a store may come, be replaced, and go', async () => {
  const parent = freshDir()
  const dir = path.join(parent, 'here', 'store')
  const changes = watch(dir)
  write(dir, 'a', 'first store')
  await reported(changes, 'a', 'first store')
  const other = path.join(parent, 'other')
  write(other, 'a', 'second store')
  fs.renameSync(dir, path.join(parent, 'away'))
  fs.renameSync(other, dir)
  await reported(changes, 'a', 'second store')
  write(dir, 'a', 'changed')
  await reported(changes, 'a', 'changed')
  fs.rmSync(path.join(parent, 'here'), { recursive: true })
  await reported(changes, 'a', null)
})

test('reads are up to date whenever a change is reported', async () => {
  const dir = freshDir()
  const repository = new sg.FileGroupRepository(dir, { durability: 'process' })
  const changes = watch(dir)
  for (let round = 0; round < 30; round++) {
    replace(dir, `g${round % 7}`, String(round))
    expect(await repository.count({ nameContains: String(round) })).toBeGreaterThan(0)
    const { group } = await reported(changes, `g${round % 7}`, String(round))
    expect(await repository.findById(group.id)).toEqual(group)
  }
})
