// `growth-measure.mjs BASE` measures one store and prints the result as JSON: times in milliseconds, memory in MiB.

import { FileGroupRepository } from 'session-groups'

const repository = new FileGroupRepository(process.argv[2], { durability: 'process' })
const newest = () => repository.list({ limit: 20 }, { field: 'createdAt', direction: 'desc' })

const first = await timed(newest)
const again = await median(newest)
// Read before the other measurements use more memory.
const memory = Math.round(process.resourceUsage().maxRSS / 2 ** 10)
const [{ id, sessions }] = await newest()
const result = {
  'newest 20, first time': first,
  'newest 20, again': again,
  'count by status, again': await median(() => repository.count({ status: 'running' })),
  findById: await median(() => repository.findById(id)),
  'updateSession, without fsync': await median((round) =>
    repository.updateSession(id, sessions[0].id, { cost: round }),
  ),
  memory,
}
console.log(JSON.stringify(result))

async function timed(work, round = 0) {
  const start = performance.now()
  await work(round)
  return performance.now() - start
}

async function median(work) {
  const times = []
  for (let round = 0; round < 15; round += 1) times.push(await timed(work, round))
  return times.toSorted((left, right) => left - right)[7]
}
