// The rows of the benchmark. Each does the same work in plain TypeScript, with the package and, where possible, with bare
// calls as a lower bound. Each function returns its time in milliseconds.

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import {
  ClaudeStream,
  createSessionProgress,
  FileGroupRepository,
  InMemoryGroupRepository,
  ProgressAggregator,
} from 'session-groups'
import { group, makeStore, session } from './groups.mjs'
import { distinctMessages, longLines, ordinaryLines, readPlainly } from './stream.mjs'

const GROUPS = 1_000
const MIB = 1024 * 1024

/** Measures one piece of work. */
export async function timed(work) {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Returns the mean time of many small pieces of work, done one after the other. */
async function each(times, work) {
  const start = performance.now()
  for (let index = 0; index < times; index += 1) await work(index)
  return (performance.now() - start) / times
}

/** Like `each`, for synchronous work: awaiting a promise would take longer than the work itself. */
function eachAtOnce(times, work) {
  const start = performance.now()
  for (let index = 0; index < times; index += 1) work(index)
  return (performance.now() - start) / times
}

export async function rows(PlainRepository, directory) {
  const base = path.join(directory, 'groups')
  makeStore(base, GROUPS)
  const ids = Array.from({ length: GROUPS }, (_, number) => group(number).id)
  const files = ids.map((id) => path.join(base, id, 'meta.json'))
  const plain = new PlainRepository(base)
  const ours = new FileGroupRepository(base, { durability: 'process' })
  const durable = new FileGroupRepository(base)

  // The package caches by base directory, so a new symbolic link to the same store starts with an empty cache.
  let names = 0
  const unknown = () => {
    names += 1
    const name = path.join(directory, `name-${names}`)
    symlinkSync(base, name)
    return new FileGroupRepository(name)
  }

  const readAndParse = () => timed(() => files.map((file) => JSON.parse(readFileSync(file, 'utf8'))))
  const statAll = () => timed(() => files.map((file) => statSync(file)))
  const readAll = () => files.map((file) => readFileSync(file))
  const write = (group, sync = () => {}) => {
    const file = path.join(directory, 'floor.json')
    const descriptor = openSync(`${file}.tmp`, 'w')
    writeSync(descriptor, JSON.stringify(group, null, 2))
    sync(descriptor)
    closeSync(descriptor)
    renameSync(`${file}.tmp`, file)
  }
  const rewrite = (sync) => (index) => write(JSON.parse(readFileSync(files[index % GROUPS], 'utf8')), sync)
  const parseOf = (groups) => {
    const text = JSON.stringify(groups)
    return () => timed(() => JSON.parse(text))
  }
  const all = await plain.list()
  const running = { status: 'running' }
  const runningText = JSON.stringify(all.filter(({ status }) => status === 'running'))
  const newest = [{ limit: 20 }, { field: 'createdAt', direction: 'desc' }]
  const sessionId = session(4).id
  const changes = (index) => ({ cost: index / 100, status: 'active' })
  const at = (index) => ids[index % GROUPS]

  return [
    ...query('list() of all', (repository) => repository.list(), {
      first: { goals: [4, 1.8], floor: readAndParse },
      again: { goals: [5, 2], floor: parseOf(all) },
    }),
    ...query('list by status, 1 in 6', (repository) => repository.list(running), {
      first: { goals: [12, 4], floor: () => timed(() => [readAll(), JSON.parse(runningText)]) },
      again: { goals: [25, 8], floor: () => timed(() => JSON.parse(runningText)) },
    }),
    ...query('newest 20 by createdAt', (repository) => repository.list(...newest), {
      again: { goals: [50, 12], floor: statAll },
    }),
    ...query('count by status', (repository) => repository.count(running), {
      again: { goals: [60, 15], floor: statAll },
    }),
    {
      name: 'findById',
      goals: [1.5, 0.8],
      plain: () => each(400, (index) => plain.findById(at(index))),
      ours: () => each(400, (index) => ours.findById(at(index))),
      floor: () => eachAtOnce(400, (index) => JSON.parse(readFileSync(files[index % GROUPS], 'utf8'))),
    },
    {
      name: 'save, without fsync',
      goals: [2, 1.5],
      plain: () => each(200, (index) => plain.save(all[index])),
      ours: () => each(200, (index) => ours.save(all[index])),
      floor: () => eachAtOnce(200, (index) => write(all[index])),
    },
    {
      name: 'updateSession, without fsync',
      goals: [2.5, 1.5],
      plain: () => each(200, (index) => plain.updateSession(at(index), sessionId, changes(index))),
      ours: () => each(200, (index) => ours.updateSession(at(index), sessionId, changes(index))),
      floor: () => eachAtOnce(200, rewrite()),
    },
    {
      name: 'updateSession, durable (the plain one is not)',
      goals: [0.8, 0.4],
      plain: () => each(200, (index) => plain.updateSession(at(index), sessionId, changes(index))),
      ours: () => each(200, (index) => durable.updateSession(at(index), sessionId, changes(index))),
      floor: () => eachAtOnce(200, rewrite(fsyncSync)),
    },
    {
      name: '200 updates of one group at once, durable',
      goals: [10, 5],
      floor: () => timed(() => rewrite(fsyncSync)(0)),
      ...atOnce((repository, index) => repository.updateSession(at(0), sessionId, changes(index))),
    },
    inMemory(all),
    stream('ClaudeStream, ordinary lines', ordinaryLines(8 * MIB), [5, 2.5]),
    stream('ClaudeStream, lines of 200 KB', longLines(32 * MIB), [8, 3]),
    stream('ClaudeStream, a turn of 16,000 messages, line by line', distinctMessages(16_000), [2, 1]),
    ...progress(),
  ]

  function query(name, ask, { first, again }) {
    const row = { plain: () => timed(() => ask(plain)) }
    return [
      first && { name: `${name}, first time`, ...row, ours: () => timed(() => ask(unknown())), ...first },
      { name: `${name}, again`, ...row, ours: () => timed(() => ask(ours)), ...again },
    ].filter(Boolean)
  }

  function atOnce(update) {
    const updates = (repository) => () =>
      timed(() => Promise.all(Array.from({ length: 200 }, (_, index) => update(repository, index))))
    return { plain: updates(plain), ours: updates(durable) }
  }
}

function inMemory(groups) {
  const copies = new Map()
  const repository = new InMemoryGroupRepository()
  return {
    name: 'in memory: save and findById, against structuredClone',
    goals: [1.2, 1.5],
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
    goals,
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
