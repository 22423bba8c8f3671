// Four threads and the main one write to one group; one thread is ended while it writes.

import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { FileGroupRepository } from 'session-groups'
import { freshDir, group } from './use.cjs'

const UPDATES = 25
const dir = isMainThread ? freshDir() : workerData.dir
const repository = new FileGroupRepository(dir, { durability: 'process' })
const add = () => repository.update('a', (found) => ({ count: (found.count ?? 0) + 1 }))

if (isMainThread) {
  await repository.save(group('a'))
  const workers = Array.from(
    { length: 4 },
    () => new Worker(fileURLToPath(import.meta.url), { workerData: { dir } }),
  )
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
  assert.equal((await repository.findById('a')).count, 4 * UPDATES)
  for (const worker of workers) worker.postMessage('for ever')
  await new Promise((resolve) => setTimeout(resolve, 20))
  await Promise.all(workers.map((worker) => worker.terminate()))
  await add()
  console.log('ok')
} else {
  for (let round = 0; round < UPDATES; round += 1) await add()
  parentPort.once('message', async () => {
    for (;;) await add()
  })
  parentPort.postMessage('done')
}
