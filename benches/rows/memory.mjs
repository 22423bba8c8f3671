// Work without files: the repository in memory, the output of sessions, and their progress.

import {
  ClaudeStream,
  createSessionProgress,
  InMemoryGroupRepository,
  ProgressAggregator,
} from 'session-groups'
import { group, session } from '../groups.mjs'
import { distinctMessages, longLines, ordinaryLines, readPlainly } from '../stream.mjs'
import { each, eachAtOnce, timed } from '../timing.mjs'

const MIB = 1024 * 1024

export const memoryRows = ({ groups }) => [
  inMemory(groups),
  stream('ClaudeStream, ordinary lines', ordinaryLines(8 * MIB), [5, 2.5]),
  stream('ClaudeStream, lines of 200 KB', longLines(32 * MIB), [8, 3]),
  stream('ClaudeStream, a turn of 16,000 messages, line by line', distinctMessages(16_000), [2, 1]),
  ...progress(),
]

function inMemory(groups) {
  const copies = new Map()
  const repository = new InMemoryGroupRepository()
  return {
    name: 'in memory: save and findById, against structuredClone',
    goals: { plain: [1.2, 1.5] },
    plain: () =>
      each(400, async (index) => {
        const group = groups[index]
        copies.set(group.id, structuredClone(group))
        await structuredClone(copies.get(group.id))
      }),
    ours: () =>
      each(400, async (index) => {
        await repository.save(groups[index])
        await repository.findById(groups[index].id)
      }),
    floor: () => eachAtOnce(400, (index) => JSON.parse(JSON.stringify(groups[index]))),
  }
}

function stream(name, chunks, goals) {
  const lines = Buffer.concat(chunks).toString().trimEnd().split('\n')
  return {
    name,
    goals: { plain: goals },
    plain: () => timed(() => readPlainly(chunks)),
    ours: () =>
      timed(() => {
        const stream = new ClaudeStream(session(0))
        for (const chunk of chunks) stream.push(chunk)
        stream.end({ code: 0 })
      }),
    floor: () => timed(() => lines.map((line) => JSON.parse(line))),
  }
}

/** Rows without a plain counterpart: they have a maximum instead. */
function progress() {
  const aggregatorOf = (sessions) => {
    const aggregator = new ProgressAggregator()
    for (const { id, ...rest } of group(0, sessions).sessions)
      aggregator.updateSession(createSessionProgress({ id, ...rest }))
    return aggregator
  }
  const [few, many, thousand] = [10, 10_000, 1_000].map(aggregatorOf)
  const one = createSessionProgress(session(0))
  const large = group(0, 1_000)
  return [
    { name: 'summary() of 10 sessions', ours: () => eachAtOnce(2_000, () => few.summary()) },
    { name: 'summary() of 10,000 sessions', ours: () => eachAtOnce(2_000, () => many.summary()) },
    {
      name: 'ProgressAggregator.updateSession',
      most: 0.004,
      ours: () => eachAtOnce(2_000, () => thousand.updateSession(one)),
    },
    {
      name: 'computeProgress of 1,000 sessions',
      most: 1.5,
      ours: () => eachAtOnce(20, () => thousand.computeProgress(large)),
    },
  ]
}
