// Queries of a store of 1,000 groups.

import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { InMemoryGroupRepository } from 'session-groups'
import { must, root } from '../../scripts/process.mjs'
import { GROUPS } from '../stores.mjs'
import { summarize } from '../summarize.mjs'
import { each, eachAtOnce, timed } from '../timing.mjs'

const LOOP = 50

export function queryRows(stores) {
  const { groups, files, plain, ours, sqlite, unknown } = stores
  const empty = new InMemoryGroupRepository()
  const running = { status: 'running' }
  const newest = [{ limit: 20 }, { field: 'createdAt', direction: 'desc' }]
  const runningText = JSON.stringify(groups.filter(({ status }) => status === 'running'))
  const text = JSON.stringify(groups)
  const at = (index) => groups[index % GROUPS].id
  const readAndParse = () => timed(() => files.map((file) => JSON.parse(readFileSync(file, 'utf8'))))
  const statAll = () => timed(() => files.map((file) => statSync(file)))
  const readAll = () => files.map((file) => readFileSync(file))

  return [
    ...query('list() of all', (repository) => repository.list(), {
      first: { goals: { plain: [4, 1.8] }, floor: readAndParse },
      again: { goals: { plain: [5, 2], sqlite: [1.2, 1] }, floor: () => timed(() => JSON.parse(text)) },
    }),
    newProcessRow(stores),
    ...query('list by status, 1 in 6', (repository) => repository.list(running), {
      first: {
        goals: { plain: [12, 4] },
        floor: () => timed(() => [readAll(), JSON.parse(runningText)]),
      },
      again: {
        goals: { plain: [25, 8], sqlite: [1, 1] },
        floor: () => timed(() => JSON.parse(runningText)),
      },
    }),
    ...query('newest 20 by createdAt', (repository) => repository.list(...newest), {
      again: { goals: { plain: [50, 12], sqlite: [1.3, 1.2] }, floor: statAll },
      inLoop: { goals: { sqlite: [1.3, 1.2] } },
    }),
    ...query('count by status', (repository) => repository.count(running), {
      again: { goals: { plain: [60, 15], sqlite: [3, 3] }, floor: statAll },
      inLoop: { goals: { sqlite: [3, 3] } },
    }),
    {
      name: 'findById',
      goals: { plain: [1.5, 0.8], sqlite: [1.3, 1.2] },
      check: () => same((repository) => repository.findById(at(7))),
      plain: () => each(400, (index) => plain.findById(at(index))),
      ours: () => each(400, (index) => ours.findById(at(index))),
      sqlite: () => each(400, (index) => sqlite.findById(at(index))),
      floor: () => eachAtOnce(400, (index) => JSON.parse(readFileSync(files[index % GROUPS], 'utf8'))),
    },
    ...summaryRows(stores),
    {
      // The least that any call takes: it looks at nothing.
      name: 'count by status of an empty InMemoryGroupRepository, after list() of the plain way',
      ours: async () => {
        await plain.list()
        return timed(() => empty.count(running))
      },
    },
    {
      name: 'count by status of an empty InMemoryGroupRepository, in a loop',
      ours: () => each(LOOP, () => empty.count(running)),
    },
  ]

  function query(name, ask, { first, again, inLoop }) {
    const check = () => same(ask)
    const row = { check, plain: () => timed(() => ask(plain)) }
    return [
      first && {
        name: `${name}, first time`,
        ...row,
        ours: () => {
          const open = unknown()
          return timed(() => ask(open()))
        },
        sqlite: () => firstTime(stores, ask),
        ...first,
      },
      {
        name: `${name}, again`,
        ...row,
        ours: () => timed(() => ask(ours)),
        sqlite: () => timed(() => ask(sqlite)),
        ...again,
      },
      // A single call finds the processor's caches and the compiled code cold; calls in a loop do not.
      inLoop && {
        name: `${name}, in a loop`,
        ours: () => each(LOOP, () => ask(ours)),
        sqlite: () => each(LOOP, () => ask(sqlite)),
        ...inLoop,
      },
    ].filter(Boolean)
  }

  /** Throws if the repositories answer differently. */
  async function same(ask) {
    const answer = await ask(ours)
    assert.deepEqual(await ask(plain), answer)
    if (sqlite) assert.deepEqual(ask(sqlite), answer)
  }
}

/** A row in which neither the code is compiled nor anything is cached, except by the system. */
function newProcessRow({ base, plainBase, plainFile, sqliteFile }) {
  const file = path.join(root, 'benches', 'first-list.mjs')
  const list = async (...args) => {
    const output = await must('Listing in a new process', process.execPath, [file, ...args])
    return Number(output)
  }
  return {
    name: 'list() of all, first time in a new process',
    goals: { plain: [1, 1] },
    plain: () => list('plain', plainBase, plainFile),
    ours: () => list('ours', base),
    sqlite: () => list('sqlite', sqliteFile),
  }
}

/** Measures a query of a newly opened database. */
async function firstTime({ openSqlite }, ask) {
  let database
  const time = await timed(async () => {
    database = await openSqlite()
    return ask(database)
  })
  database.close()
  return time
}

function summaryRows({ plain, ours, sqlite }) {
  const exists = typeof ours.summaries === 'function'
  const row = {
    skipped: exists ? undefined : 'this version of the package has no summaries()',
    most: 1,
    ours: () => timed(() => ours.summaries()),
  }
  const check = async (fromSqlite) => {
    const answer = (await ours.summaries()).map(comparable)
    assert.deepEqual((await plain.list()).map(summarize).map(comparable), answer)
    if (sqlite) assert.deepEqual(fromSqlite().map(comparable), answer)
  }
  return [
    {
      name: 'summaries() of all, again (SQLite: kept in columns by each write)',
      ...row,
      check: () => check(() => sqlite.summaries()),
      plain: () => timed(async () => (await plain.list()).map(summarize)),
      sqlite: () => timed(() => sqlite.summaries()),
    },
    {
      name: 'summaries() of all, in a loop (SQLite: kept in columns by each write)',
      ...row,
      ours: () => each(LOOP, () => ours.summaries()),
      sqlite: () => each(LOOP, () => sqlite.summaries()),
    },
    {
      name: 'summaries() of all, again (SQLite: computed from the JSON)',
      ...row,
      check: () => check(() => sqlite.summariesFromJson()),
      sqlite: () => timed(() => sqlite.summariesFromJson()),
    },
  ]
}

/** The fields that all ways name alike. Sums of floating-point numbers depend on their order. */
const comparable = ({ id, status, totalSessions, completed, running, pending, failed, totalCost }) => ({
  ...{ id, status, totalSessions, completed, running, pending, failed },
  totalCost: totalCost.toFixed(6),
})
