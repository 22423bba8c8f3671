// A test of your own program. The in-memory repository behaves like the one in files and leaves no files behind.
//
//   node --test examples/own.test.mjs      bun test ./examples/own.test.mjs

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_GROUP_CONFIG, InMemoryGroupRepository } from 'session-groups'

/** The function under test. It works with any GroupStore. */
async function archiveFinished(repository) {
  const finished = await repository.findByStatus('completed')
  for (const { id } of finished) await repository.update(id, { status: 'archived' })
  return finished.length
}

const group = (id, status) => ({
  id,
  name: id,
  slug: id,
  status,
  sessions: [],
  config: DEFAULT_GROUP_CONFIG,
  createdAt: '2026-01-15T10:30:00.000Z',
  updatedAt: '2026-01-15T10:30:00.000Z',
})

test('finished groups are archived, others are not', async () => {
  const repository = new InMemoryGroupRepository()
  await repository.save(group('a', 'completed'))
  await repository.save(group('b', 'running'))

  assert.equal(await archiveFinished(repository), 1)

  assert.equal((await repository.findById('a')).status, 'archived')
  assert.equal((await repository.findById('b')).status, 'running')
})
