// `watch` of a store of files: changes by other processes and by other programs, and stores that come and go.

const { execFile } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const { freshDir, makeGroup, posix, renameOver, root, runScript } = require('./helpers')

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

/** Only Linux shows the open files of a process in its file system. */
const linux = process.platform === 'linux' ? test : test.skip

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
  renameOver(`${meta(dir, id)}~`, meta(dir, id))
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

test('a group whose file is that of another group, too, is reported each time', async () => {
  const dir = freshDir()
  const repository = new sg.FileGroupRepository(dir)
  const changes = watch(dir)
  for (let round = 0; round < 20; round++) {
    replace(dir, 'a', `${round} a`)
    await reported(changes, 'a', `${round} a`)
    fs.mkdirSync(path.join(dir, 'b'), { recursive: true })
    fs.rmSync(meta(dir, 'b'), { force: true })
    fs.linkSync(meta(dir, 'a'), meta(dir, 'b'))
    let found
    do found = (await changes.next()).value
    while (found.id !== 'b')
    expect(found.error).toMatchObject({ code: 'CORRUPT', field: 'id' })
    replace(dir, 'a', `${round} b`)
    for (let again = 0; again < round % 4; again++) await repository.list()
    await reported(changes, 'a', `${round} b`)
    fs.rmSync(path.join(dir, 'b'), { recursive: true })
    await reported(changes, 'b', null)
  }
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

posix('a store may come, be replaced, and go', async () => {
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

posix('a store that is replaced while it is read is reported each time', async () => {
  const parent = freshDir()
  const [dir, other, away] = ['store', 'other', 'away'].map((name) => path.join(parent, name))
  const ids = ['a', 'b', 'c']
  const fill = (into, name) => ids.map((id) => write(into, id, name))
  fill(dir, '0')
  const repository = new sg.FileGroupRepository(dir)
  const watchers = [watch(dir), watch(dir)]
  const allReported = async (name) => {
    for (const changes of watchers) {
      const missing = new Set(ids)
      while (missing.size > 0) {
        const { id, group } = (await changes.next()).value
        if (group?.name === name) missing.delete(id)
      }
    }
  }
  await allReported('0')
  for (let round = 1; round <= 30; round++) {
    fill(other, String(round))
    fs.renameSync(dir, away)
    // These notice the new store before the watchers do, or after.
    if (round % 3) await repository.count()
    fs.renameSync(other, dir)
    for (let again = 0; again < round % 5; again++) await Promise.all([repository.list(), repository.count()])
    await allReported(String(round))
    fs.rmSync(away, { recursive: true })
  }
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

test('a watched group that was deleted or never existed does not slow down reads', async () => {
  const dir = freshDir()
  const repository = new sg.FileGroupRepository(dir, { durability: 'process' })
  for (const id of ['a', 'b']) await repository.save(makeGroup({ id }))
  const changes = watch(dir)
  await reported(changes, 'b', 'Logging')
  /** An answer from memory needs no other thread, so nothing but promises has to be waited for. */
  const isFromMemory = async () => {
    for (let round = 0; round < 20; round++) {
      let isAnswered = false
      const answered = repository.count().then(() => {
        isAnswered = true
      })
      for (let tick = 0; tick < 20; tick++) await null
      if (isAnswered) return true
      await answered
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return false
  }
  const before = await isFromMemory()
  const never = watch(dir, { id: 'never' }).next()
  await repository.delete('b')
  await reported(changes, 'b', null)
  fs.mkdirSync(path.join(dir, 'c'))
  fs.rmdirSync(path.join(dir, 'c'))
  write(dir, 'd', 'd')
  await reported(changes, 'd', 'd')
  fs.rmSync(path.join(dir, 'd'), { recursive: true })
  await reported(changes, 'd', null)
  expect(await repository.count()).toBe(1)
  expect(await isFromMemory()).toBe(before)
  // They are still noticed when they come.
  write(dir, 'never', 'now')
  expect((await never).value).toMatchObject({ id: 'never', group: { name: 'now' } })
  write(dir, 'b', 'again')
  await reported(changes, 'b', 'again')
  expect(await repository.count()).toBe(3)
})

linux('a watcher does not keep the base directory open while it waits', async () => {
  const dir = fs.realpathSync(freshDir())
  write(dir, 'a', 'a')
  await reported(watch(dir), 'a', 'a')
  const isOpen = () =>
    fs.readdirSync('/proc/self/fd').some((name) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${name}`) === dir
      } catch {
        return false
      }
    })
  let timesOpen = 0
  for (let round = 0; round < 50; round++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    timesOpen += isOpen()
  }
  // It is opened for each look.
  expect(timesOpen).toBeLessThan(25)
})

test('a watcher of a store that is gone takes no processor time', async () => {
  const script = `
    const fs = require('node:fs')
    const repository = new sg.FileGroupRepository(process.env.DIR)
    const pause = () => new Promise((resolve) => setTimeout(resolve, 1_000))
    const main = async () => {
      await repository.save(${JSON.stringify(makeGroup())})
      const changes = repository.watch()
      await changes.next()
      await pause()
      for (const leave of [() => fs.renameSync(process.env.DIR, process.env.AWAY), () => {}]) {
        leave()
        const before = process.cpuUsage()
        await pause()
        const { user, system } = process.cpuUsage(before)
        console.log(user + system < 250_000 ? 'idle' : 'busy')
      }
      await changes.return()
    }
    main()`
  const dir = path.join(freshDir(), 'store')
  const { stdout, stderr } = await runScript(script, { env: { DIR: dir, AWAY: `${dir}-away` } })
  expect([stdout, stderr]).toEqual(['idle\nidle', ''])
}, 30_000)

test('without notifications, a group that is deleted at once is reported as deleted', async () => {
  const script = `
    const fs = require('node:fs')
    const dir = process.env.DIR
    const repository = new sg.FileGroupRepository(dir, { durability: 'process' })
    const main = async () => {
      const changes = repository.watch()
      for (let round = 0; round < 5; round++) {
        await repository.save(${JSON.stringify(makeGroup({ id: 'a' }))})
        console.log((await changes.next()).value.group.name)
        // As another process would.
        fs.rmSync(dir + '/a', { recursive: true })
        console.log((await changes.next()).value.group)
      }
      await changes.return()
    }
    main()`
  const env = { DIR: path.join(freshDir(), 'store'), SESSION_GROUPS_POLLING: '1' }
  const { stdout, stderr } = await runScript(script, { env })
  const expected = Array.from({ length: 5 }, () => 'Logging\nnull')
  expect([stdout, stderr]).toEqual([expected.join('\n'), ''])
}, 70_000)

test('without notifications, a group that was away for a moment is reported again', async () => {
  const script = `
    const fs = require('node:fs')
    const dir = process.env.DIR
    const repository = new sg.FileGroupRepository(dir, { durability: 'process' })
    const group = ${JSON.stringify(makeGroup({ id: 'a' }))}
    const pause = () => new Promise((resolve) => setTimeout(resolve, 1_000))
    const main = async () => {
      await repository.save(group)
      await pause()
      const changes = repository.watch()
      await changes.next()
      for (const name of [dir, dir + '/a']) {
        await repository.save({ ...group, name })
        // The change has been noticed and is not yet taken.
        await pause()
        fs.renameSync(name, dir + '-away')
        console.log((await changes.next()).value.group)
        fs.renameSync(dir + '-away', name)
        console.log((await changes.next()).value.group.name === name)
      }
      await changes.return()
    }
    main()`
  const env = { DIR: path.join(freshDir(), 'store'), SESSION_GROUPS_POLLING: '1' }
  const { stdout, stderr } = await runScript(script, { env })
  expect([stdout.split('\n'), stderr]).toEqual([['null', 'true', 'null', 'true'], ''])
}, 70_000)

describe('without a file descriptor left', () => {
  /** Runs lines with `exhaust(free)`, which leaves only some descriptors and returns a function that frees the others. */
  const run = (dir, lines) => {
    const script = `
      const sg = require(${JSON.stringify(root)})
      const fs = require('node:fs')
      const dir = process.env.DIR
      const repository = new sg.FileGroupRepository(dir, { durability: 'process' })
      const pause = (time) => new Promise((resolve) => setTimeout(resolve, time))
      const exhaust = (free) => {
        const files = []
        try {
          for (;;) files.push(fs.openSync('/dev/null'))
        } catch (error) {
          if (error.code !== 'EMFILE') throw error
        }
        for (let index = 0; index < free; index++) fs.closeSync(files.pop())
        return () => files.forEach((file) => fs.closeSync(file))
      }
      const main = async () => {
        for (const id of ['a', 'b', 'c']) await repository.save({ ...${JSON.stringify(makeGroup())}, id })
        await pause(150)
        for (let round = 0; round < 3; round++) await repository.list()
        ${lines}
      }
      main()`
    const args = ['-c', 'ulimit -n 200 && exec "$0" -e "$1"', process.execPath, script]
    return new Promise((resolve) => {
      execFile('sh', args, { env: { ...process.env, DIR: dir }, timeout: 20_000 }, (_, stdout, stderr) =>
        resolve({ stdout: stdout.trim(), stderr }),
      )
    })
  }

  posix.each([0, 1, 2, 3])(
    'a store that comes back is not taken for an empty one (%i left)',
    async (free) => {
      const dir = path.join(freshDir(), 'store')
      const { stdout, stderr } = await run(
        dir,
        `
      const names = new Set()
      const watcher = repository.watch(({ id, group }) => group ? names.add(id) : names.delete(id))
      await pause(200)
      const restore = exhaust(${free})
      fs.renameSync(dir, dir + '-away')
      await pause(200)
      fs.renameSync(dir + '-away', dir)
      await pause(200)
      restore()
      console.log(await repository.count(), (await repository.list()).length)
      while (names.size < 3) await pause(20)
      watcher.close()`,
      )
      expect([stdout, stderr]).toEqual(['3 3', ''])
    },
  )

  posix('a second watcher reports the groups once there are descriptors again', async () => {
    const { stdout, stderr } = await run(
      path.join(freshDir(), 'store'),
      `
      const first = repository.watch()
      for (let round = 0; round < 3; round++) await first.next()
      const restore = exhaust(0)
      const changes = repository.watch()
      const ids = [changes.next(), changes.next(), changes.next()]
      await pause(200)
      restore()
      console.log((await Promise.all(ids)).map(({ value }) => value.id).join())
      await Promise.all([first.return(), changes.return()])`,
    )
    expect([stdout, stderr]).toEqual(['a,b,c', ''])
  })
})
