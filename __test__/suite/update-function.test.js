// `update` with a function, by many callers at once: in one process, in its worker threads, and in several processes.

const { execFileSync } = require('node:child_process')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const sg = require('../..')
const { bun, freshDir, makeGroup, makeSession, rejection, root, runScript } = require('./helpers')

const group = makeGroup()
const { id } = group
const FAST = { durability: 'process' }
const open = (dir, options = FAST) => new sg.FileGroupRepository(dir, options)
const increment = (found) => ({ count: (found.count ?? 0) + 1 })
const node = () => (process.versions.bun ? 'node' : process.execPath)

describe.each([
  ['FileGroupRepository', () => open(freshDir())],
  ['InMemoryGroupRepository', () => new sg.InMemoryGroupRepository()],
])('%s', (_, create) => {
  let repository
  beforeEach(async () => {
    repository = create()
    await repository.save(group)
  })

  test('800 calls at once cost at most 1,600 calls of the function, and all are kept', async () => {
    const begin = performance.now()
    let calls = 0
    const computed = []
    const call = (index) => (found) => {
      calls += 1
      const changes = increment(found)
      computed[index] = changes.count
      return changes
    }
    const updated = await Promise.all(Array.from({ length: 800 }, (_, i) => repository.update(id, call(i))))
    expect(calls).toBeLessThanOrEqual(1600)
    // Each caller gets the group as its own call made it.
    expect(updated.map(({ count }) => count)).toEqual(computed)
    // In the order of the calls, but for those whose turn has lapsed because this thread was busy for a second.
    const inOrder = Array.from({ length: 800 }, (_, index) => index + 1)
    expect([...computed].sort((a, b) => a - b)).toEqual(inOrder)
    const took = performance.now() - begin
    if (took < 1000) expect(computed).toEqual(inOrder)
  }, 60_000)

  test('other writes of the process that come in between cost no further calls', async () => {
    let calls = 0
    const all = []
    for (let index = 0; index < 200; index++) {
      all.push(
        repository.update(id, (found) => {
          calls += 1
          return increment(found)
        }),
      )
      all.push(repository.updateSession(id, '001-api', { [`f${index}`]: index }))
    }
    await Promise.all(all)
    expect(calls).toBeLessThanOrEqual(400)
    const found = await repository.findById(id)
    expect(found.count).toBe(200)
    expect(Object.keys(found.sessions[0]).filter((key) => /^f\d/.test(key))).toHaveLength(200)
  })

  test('a function may write the same group without awaiting it', async () => {
    const inner = []
    await Promise.all(
      Array.from({ length: 50 }, () =>
        repository.update(id, (found) => {
          inner.push(repository.updateSession(id, '001-api', { cost: 1 }))
          inner.push(repository.update(id, (again) => ({ inner: (again.inner ?? 0) + 1 })))
          return increment(found)
        }),
      ),
    )
    await Promise.all(inner)
    const { count, inner: inside } = await repository.findById(id)
    expect(count).toBe(50)
    expect(inside).toBe(inner.length / 2)
  })

  test('200 calls at once through a repository of the user’s own', async () => {
    class Counting {
      async update(...args) {
        await repository.revision(id)
        const updated = await repository.update(...args)
        await repository.updateSession(id, '001-api', { cost: updated.count })
        return updated
      }
    }
    const counting = new Counting()
    await Promise.all(Array.from({ length: 200 }, () => counting.update(id, increment)))
    expect((await repository.findById(id)).count).toBe(200)
  })
})

test('worker threads of one process take turns, too', async () => {
  const dir = freshDir()
  await open(dir).save(group)
  const script = `const sg = require(${JSON.stringify(root)})
    const { parentPort, workerData } = require('node:worker_threads')
    const repository = new sg.FileGroupRepository(workerData, { durability: 'process' })
    let calls = 0
    const add = (g) => { calls += 1; return { count: (g.count ?? 0) + 1 } }
    Promise.all(Array.from({ length: 100 }, () => repository.update('${id}', add)))
      .then(() => parentPort.postMessage(calls))`
  const work = () => {
    const worker = new Worker(script, { eval: true, workerData: dir })
    return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)).finally(
      () => worker.terminate(),
    )
  }
  const calls = await Promise.all([work(), work(), work()])
  for (const count of calls) expect(count).toBeLessThanOrEqual(200)
  expect((await open(dir).findById(id)).count).toBe(300)
})

/** Updates the group from another process; prints the code of the error, if there is one. */
const OTHER = `new sg.FileGroupRepository(process.env.DIR, { durability: 'process', lockTimeoutMs: 0 })
  .update('${id}', { other: process.env.VALUE }).then(() => console.log('done'), ({ code }) => console.log(code))`
const updateElsewhere = (dir, value) => {
  const script = `const sg = require(${JSON.stringify(root)});${OTHER}`
  const env = { ...process.env, DIR: dir, VALUE: String(value) }
  return execFileSync(node(), ['-e', script], { env, encoding: 'utf8' }).trim()
}

describe('when another process always comes first', () => {
  test('the lock is kept after three lost races, and freed afterwards', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    const said = []
    const updated = await open(dir).update(id, (found) => {
      said.push(updateElsewhere(dir, said.length))
      return increment(found)
    })
    expect(said).toEqual(['done', 'done', 'done', 'LOCK_TIMEOUT'])
    expect(updated).toMatchObject({ count: 1, other: '2' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(updateElsewhere(dir, 'after')).toBe('done')
  })

  test('the lock is freed when the function throws', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    let calls = 0
    const mine = new Error('mine')
    const error = await rejection(
      open(dir).update(id, () => {
        calls += 1
        if (calls === 4) throw mine
        updateElsewhere(dir, calls)
        return {}
      }),
    )
    expect(error).toBe(mine)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(updateElsewhere(dir, 'after')).toBe('done')
  })

  test('the lock is freed when the worker that keeps it ends', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    const script = `const sg = require(${JSON.stringify(root)})
      const { execFileSync } = require('node:child_process')
      const { workerData: { dir, program, args, env } } = require('node:worker_threads')
      let calls = 0
      new sg.FileGroupRepository(dir, { durability: 'process' }).update('${id}', () => {
        calls += 1
        if (calls === 4) process.exit(3)
        execFileSync(program, args, { env })
        return { never: true }
      })
      setInterval(() => {}, 1000)`
    const other = `const sg = require(${JSON.stringify(root)});${OTHER}`
    const env = { ...process.env, DIR: dir, VALUE: 'x' }
    const workerData = { dir, program: node(), args: ['-e', other], env }
    const worker = new Worker(script, { eval: true, workerData })
    await new Promise((resolve) => worker.once('exit', resolve))
    expect(await open(dir).update(id, { name: 'after' })).toMatchObject({ name: 'after', other: 'x' })
    expect(updateElsewhere(dir, 'after')).toBe('done')
    expect('never' in (await open(dir).findById(id))).toBe(false)
  })

  test('a program that takes no lock is a conflict, not a loop', async () => {
    const dir = freshDir()
    await open(dir).save(group)
    let calls = 0
    const error = await rejection(
      open(dir).update(id, () => {
        calls += 1
        require('node:fs').writeFileSync(
          path.join(dir, id, 'meta.json'),
          JSON.stringify(makeGroup({ name: `${calls}` })),
        )
        return { description: 'never' }
      }),
    )
    expect(error).toMatchObject({ code: 'CONFLICT', groupId: id })
    expect(error.actualRevision).toBe(await open(dir).revision(id))
    expect(calls).toBe(4)
    expect('description' in (await open(dir).findById(id))).toBe(false)
  })
})

test('a thread that is busy keeps nobody waiting whose turn comes after its own', async () => {
  const dir = freshDir()
  await open(dir).save(group)
  const script = `const sg = require(${JSON.stringify(root)})
    const { parentPort, workerData } = require('node:worker_threads')
    const repository = new sg.FileGroupRepository(workerData.dir, { durability: 'process' })
    const done = repository.update('${id}', (g) => ({ count: (g.count ?? 0) + 1 }))
    parentPort.postMessage('waiting')
    Atomics.wait(workerData.flag, 0, 0)
    done.then(() => parentPort.postMessage('done'))`
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(script, { eval: true, workerData: { dir, flag } })
  await new Promise((resolve) => worker.once('message', resolve))
  expect(await open(dir).updateSession(id, '001-api', { cost: 1 })).toBe(true)
  Atomics.store(flag, 0, 1)
  Atomics.notify(flag, 0)
  expect(await new Promise((resolve) => worker.once('message', resolve))).toBe('done')
  await worker.terminate()
  expect((await open(dir).findById(id)).count).toBe(1)
})

test('eight processes that mix both ways to update one group all succeed', async () => {
  const dir = freshDir()
  const sessions = Array.from({ length: 1000 }, (_, index) => makeSession({ id: `s${index}` }))
  await open(dir).save(makeGroup({ sessions }))
  // The others go on as long as a function is still to be called.
  const script = `const r = new sg.FileGroupRepository(process.env.DIR, { durability: 'process' })
    let isDone = false
    let calls = 0
    const session = async (loop) => {
      for (let i = 0; !isDone; i++) await r.updateSession('${id}', 's1', { ['p' + process.pid + '-' + loop]: i })
    }
    const add = async () => {
      for (let i = 0; i < 5; i++) await r.update('${id}', (g) => { calls += 1; return { count: (g.count ?? 0) + 1 } })
    }
    const adding = Promise.all([add(), add()]).finally(() => { isDone = true })
    Promise.all([session(0), session(1), adding])
      .then(() => console.log(calls), (error) => console.log(error.message))`
  const programs = Array.from({ length: 8 }, (_, index) => (index % 2 ? bun() : node()))
  const runs = await Promise.all(programs.map((program) => runScript(script, { program, env: { DIR: dir } })))
  for (const { code, stdout } of runs) {
    expect(code).toBe(0)
    // Each of the ten updates lost at most three races.
    expect(Number(stdout)).toBeLessThanOrEqual(4 * 10)
  }
  expect((await open(dir).findById(id)).count).toBe(8 * 2 * 5)
}, 120_000)
