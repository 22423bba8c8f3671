// The ends of processes and of worker threads, with work in flight.

const { Worker } = require('node:worker_threads')
const sg = require('../..')
const { freshDir, makeGroup, root, runScript } = require('./helpers')

const save = `const r = new sg.FileGroupRepository(process.env.DIR); const g = ${JSON.stringify(makeGroup())};`

test('a process ends by itself once its work is done', async () => {
  const dir = freshDir()
  const script = `${save} r.save(g).then(() => r.list()).then((all) => console.log(all.length))`
  expect(await runScript(script, { env: { DIR: dir } })).toMatchObject({ code: 0, stdout: '1' })
})

test('work that nobody waits for is done before the process ends', async () => {
  const dir = freshDir()
  expect(await runScript(`${save} r.save(g)`, { env: { DIR: dir } })).toMatchObject({ code: 0 })
  expect(await new sg.FileGroupRepository(dir).count()).toBe(1)
})

test('process.exit with work in flight ends with its code', async () => {
  const dir = freshDir()
  const script = `${save} for (let i = 0; i < 50; i++) { r.save({ ...g, id: 'g' + i }); r.list() } setTimeout(() => process.exit(7), 5)`
  expect((await runScript(script, { env: { DIR: dir } })).code).toBe(7)
  // Unfinished writes are leftovers; no group is stored partially.
  const kinds = (await new sg.FileGroupRepository(dir).verify()).map(({ kind }) => kind)
  expect(kinds.filter((kind) => kind !== 'leftover')).toEqual([])
})

test('a worker terminated with work in flight takes nothing with it', async () => {
  const dir = freshDir()
  const repository = new sg.FileGroupRepository(dir, { durability: 'process' })
  // So long that the engine reads its text where it is.
  const group = makeGroup({ description: 'x'.repeat(10_000) })
  await repository.save(group)
  const script = `const sg = require(${JSON.stringify(root)})
    const { parentPort, workerData } = require('node:worker_threads')
    const repository = new sg.FileGroupRepository(workerData, { durability: 'process' })
    const work = () => {
      for (let i = 0; i < 10; i++) repository.update('${group.id}', (g) => ({ count: (g.count ?? 0) + 1 })).catch(() => {})
      repository.list()
      setImmediate(work)
    }
    work()
    parentPort.postMessage('working')`
  for (let round = 0; round < 20; round++) {
    const worker = new Worker(script, { eval: true, workerData: dir })
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    await worker.terminate()
  }
  expect((await repository.update(group.id, { name: 'still here' })).name).toBe('still here')
  expect(await repository.count()).toBe(1)
}, 60_000)
