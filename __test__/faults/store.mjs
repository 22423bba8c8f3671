// The group that the fault tests work on, and what must be true of its store whatever has happened.

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'

export const { DEFAULT_GROUP_CONFIG, FileGroupRepository } = createRequire(import.meta.url)('../../index.js')

const TIME = '2026-01-15T10:30:00.000Z'
export const ID = '20260115-103000-faults'

export const createGroup = (name) => ({
  id: ID,
  name,
  slug: 'faults',
  status: 'created',
  sessions: [{ id: 'a', projectPath: '/p', prompt: 'x', status: 'pending', dependsOn: [], createdAt: TIME }],
  config: { ...DEFAULT_GROUP_CONFIG },
  createdAt: TIME,
  updatedAt: TIME,
})

/** Runs with a directory of its own. */
export async function withDir(work) {
  const dir = mkdtempSync(path.join(tmpdir(), 'session-groups-faults-'))
  try {
    return await work(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Reads the stored state: `absent`, `old` or `new`. Any other state is a failure of the store. */
export async function stateOf(base) {
  const group = await new FileGroupRepository(base).findById(ID)
  if (group === null) return 'absent'
  if (group.name === 'new' || group.sessions[0].cost === 1) return 'new'
  return group.name === 'old' ? 'old' : `something else: ${JSON.stringify(group)}`
}

/** Fails unless every group is whole and the store can be written. */
export async function mustBeWhole(base) {
  const repository = new FileGroupRepository(base, { lockTimeoutMs: 1000 })
  const broken = (await repository.verify()).filter(({ kind }) => kind !== 'leftover')
  if (broken.length > 0) throw new Error(`not whole: ${JSON.stringify(broken)}`)
  await repository.save(createGroup('after'))
  if ((await repository.findById(ID))?.name !== 'after') throw new Error('a later write is not there')
}
