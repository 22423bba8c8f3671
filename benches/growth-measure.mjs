// `growth-measure.mjs ours BASE` and `growth-measure.mjs sqlite FILE` measure one store and print the result as JSON: times in
// milliseconds, memory in MiB.

import { FileGroupRepository } from 'session-groups'
import { SqliteRepository } from './sqlite.mjs'
import { median, timed } from './timing.mjs'

const ROUNDS = 15
const NEWEST = [{ limit: 20 }, { field: 'createdAt', direction: 'desc' }]

const [way, store] = process.argv.slice(2)
console.log(JSON.stringify(way === 'ours' ? await measureOurs() : await measureSqlite()))

async function measureOurs() {
  const repository = new FileGroupRepository(store, { durability: 'process' })
  const newest = await measureNewest(repository)
  const [{ id, sessions }] = await repository.list(...NEWEST)
  return {
    ...newest,
    'count by status, again': await medianOf(() => repository.count({ status: 'running' })),
    findById: await medianOf(() => repository.findById(id)),
    'updateSession, without fsync': await medianOf((round) =>
      repository.updateSession(id, sessions[0].id, { cost: round }),
    ),
  }
}

async function measureSqlite() {
  return await measureNewest(await SqliteRepository.open(store))
}

async function measureNewest(repository) {
  const newest = () => repository.list(...NEWEST)
  return {
    'newest 20, first time': await timed(newest),
    'newest 20, again': await medianOf(newest),
    // Read before other measurements use more memory.
    memory: Math.round(process.resourceUsage().maxRSS / 2 ** 10),
  }
}

async function medianOf(work) {
  const times = []
  for (let round = 0; round < ROUNDS; round += 1) times.push(await timed(() => work(round)))
  return median(times)
}
