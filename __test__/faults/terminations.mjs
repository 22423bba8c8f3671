// Workers are terminated while their work is in flight, in a process of Node and one of Bun on the same store at the same
// time: neither crashes nor waits for ever, and no addition that a worker was told of is lost.

import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { run } from '../../scripts/process.mjs'
import { RUNTIMES } from '../../scripts/runtimes.mjs'
import { createGroup, FileGroupRepository, ID, mustBeWhole, withDir } from './store.mjs'

const FILE = fileURLToPath(import.meta.url)
/** Additions that each worker has in flight at once. */
const AT_ONCE = 3

export function testTerminations({ rounds }) {
  return withDir(async (base) => {
    await new FileGroupRepository(base).save(createGroup('old'))
    const outcomes = RUNTIMES.map(async ({ name, program }) => {
      const { ok, output } = await run(program, [FILE, base, name, String(rounds)])
      if (!ok) return [`${name}: ${output}`]
      const told = Number(output)
      const found = (await new FileGroupRepository(base).findById(ID))[name] ?? 0
      const most = told + rounds * 2 * AT_ONCE
      if (told === 0) return [`${name}: no worker got to write`]
      return found < told || found > most ? [`${name}: ${told} additions were told, ${found} are there`] : []
    })
    const failures = (await Promise.all(outcomes)).flat()
    await mustBeWhole(base)
    return { passed: rounds * RUNTIMES.length - failures.length, failures }
  })
}

/** Rounds of two workers each; prints how many additions they were told of. */
async function terminate(base, field, rounds) {
  let told = 0
  const live = async () => {
    for (let round = 0; round < rounds; round++) {
      const worker = new Worker(FILE, { workerData: { base, field } })
      const ended = new Promise((resolve) => worker.once('exit', resolve))
      const begun = new Promise((resolve) => worker.once('message', resolve))
      worker.on('message', () => (told += 1))
      worker.on('error', (error) => {
        throw error
      })
      if (Math.random() < 0.9) await begun
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
      await worker.terminate()
      await ended
    }
  }
  await Promise.all([live(), live()])
  // Terminated workers leave nothing that blocks other writers.
  await new FileGroupRepository(base, { lockTimeoutMs: 5000 }).update(ID, { after: field })
  console.log(told)
}

/** Adds to the field, several times at once, for ever. */
function add({ base, field }) {
  const repository = new FileGroupRepository(base, { durability: 'process', lockTimeoutMs: 60_000 })
  const goOn = async () => {
    for (;;) {
      await repository.update(ID, (group) => ({ [field]: (group[field] ?? 0) + 1 }))
      parentPort.postMessage('added')
    }
  }
  for (let index = 0; index < AT_ONCE; index++) goOn()
}

if (!isMainThread) add(workerData)
else if (process.argv[1] === FILE) {
  const [base, field, rounds] = process.argv.slice(2)
  await terminate(base, field, Number(rounds))
}
