// Writes to a store of 1,000 groups. Each changes its group, because saving a stored state again writes nothing.

import { fsyncSync } from 'node:fs'
import { session } from '../groups.mjs'
import { GROUPS } from '../stores.mjs'
import { each, eachAtOnce, timed } from '../timing.mjs'

const WRITES = 200

export function writeRows({ groups, plain, ours, durable, sqlite, durableSqlite, write, rewrite }) {
  let writes = 0
  const changed = (index) => ({ ...groups[index % GROUPS], description: `Write ${++writes}` })
  const save = (repository) => () => each(WRITES, (index) => repository.save(changed(index)))

  const sessionId = session(4).id
  const at = (index) => groups[index % GROUPS].id
  const updateAt = (repository, id) => repository.updateSession(id, sessionId, { cost: ++writes / 100 })
  const update = (repository) => () => each(WRITES, (index) => updateAt(repository, at(index)))
  const atOnce = (repository, id) => () => timed(() => allAtOnce((index) => updateAt(repository, id(index))))

  return [
    {
      name: 'save, without fsync',
      goals: { plain: [2, 1.5] },
      plain: save(plain),
      ours: save(ours),
      sqlite: save(sqlite),
      floor: () => eachAtOnce(WRITES, (index) => write(changed(index))),
    },
    {
      name: 'save, durable',
      ours: save(durable),
      sqlite: save(durableSqlite),
    },
    {
      name: 'updateSession, without fsync',
      goals: { plain: [2.5, 1.5] },
      plain: update(plain),
      ours: update(ours),
      sqlite: update(sqlite),
      floor: () => eachAtOnce(WRITES, rewrite()),
    },
    {
      name: 'updateSession, durable',
      goals: { plain: [0.8, 0.4], sqlite: [0.4, 0.4] },
      plain: update(plain),
      ours: update(durable),
      sqlite: update(durableSqlite),
      floor: () => eachAtOnce(WRITES, rewrite(fsyncSync)),
    },
    {
      name: '200 durable updates of one group at once',
      goals: { plain: [10, 5], sqlite: [3, 3] },
      plain: atOnce(plain, () => at(0)),
      ours: atOnce(durable, () => at(0)),
      sqlite: atOnce(durableSqlite, () => at(0)),
      floor: () => timed(() => rewrite(fsyncSync)(0)),
    },
    {
      name: '200 durable updates of 200 groups at once',
      goals: { sqlite: [1, 1] },
      plain: atOnce(plain, at),
      ours: atOnce(durable, at),
      sqlite: atOnce(durableSqlite, at),
    },
  ]
}

const allAtOnce = (work) => Promise.all(Array.from({ length: WRITES }, async (_, index) => work(index)))
