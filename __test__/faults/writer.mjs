// A process of writers: `writer.mjs BASE FIELD WORKERS INCREMENTS`. Each worker adds one to the group's field so many times
// (0: for ever) and the process prints a line for each addition that was acknowledged.

import { writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { FileGroupRepository, ID } from './store.mjs'

if (isMainThread) {
  const [base, field, workers, increments] = process.argv.slice(2)
  for (let index = 0; index < Number(workers); index++) {
    new Worker(fileURLToPath(import.meta.url), {
      workerData: { base, field, increments: Number(increments) },
    })
  }
} else {
  const { base, field, increments } = workerData
  const repository = new FileGroupRepository(base, { durability: 'process', lockTimeoutMs: 600_000 })
  for (let done = 0; increments === 0 || done < increments; done++) {
    await repository.update(ID, (group) => ({ [field]: (group[field] ?? 0) + 1 }))
    // Not `console.log`: what was acknowledged must be out before the process can be killed.
    writeSync(1, '+')
  }
}
