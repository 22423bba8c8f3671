// The steps that every program in this folder runs: it saves a group, finds it, and computes its progress.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const group = (id, sessions = []) => ({
  id,
  name: id,
  slug: id,
  status: 'created',
  sessions,
  config: {
    model: 'sonnet',
    maxBudgetUsd: 1,
    onBudgetExceeded: 'pause',
    warningThreshold: 0.8,
    maxConcurrentSessions: 3,
  },
  createdAt: '2026-01-15T10:30:00.000Z',
  updatedAt: '2026-01-15T10:30:00.000Z',
})

const freshDir = () => fs.mkdtempSync(path.join(os.tmpdir(), 'session-groups-pack-'))

async function use(sg) {
  const base = freshDir()
  try {
    for (const repository of [new sg.InMemoryGroupRepository(), new sg.FileGroupRepository(base)]) {
      await repository.save(group('a'))
      await repository.update('a', (found) => ({ name: `${found.name}!` }))
      assert.equal((await repository.findById('a')).name, 'a!')
      assert.equal((await repository.list({ status: 'created' })).length, 1)
      assert.equal(await repository.findById('../a'), null)
      await assert.rejects(repository.save(group('../a')), (error) => {
        assert.ok(error instanceof sg.SessionGroupsError)
        return error.code === 'INVALID_ID'
      })
    }
    assert.equal(new sg.ProgressAggregator().computeProgress(group('a')).totalSessions, 0)
  } finally {
    fs.rmSync(base, { recursive: true })
  }
}

module.exports = { freshDir, group, use }
