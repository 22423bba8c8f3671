// A first program: a group of two sessions, where the second depends on the first.

import { DEFAULT_GROUP_CONFIG, FileGroupRepository, ProgressAggregator } from 'session-groups'

const id = '20260115-103000-logging'
const createdAt = '2026-01-15T10:30:00.000Z'
const session = (id, dependsOn) => ({
  id,
  projectPath: process.cwd(), // Each session can work in a project of its own.
  prompt: `Add logging to the ${id}`,
  status: 'pending',
  dependsOn,
  createdAt,
})

const repository = new FileGroupRepository('./groups')
await repository.save({
  id,
  name: 'Logging',
  slug: 'logging',
  status: 'running',
  sessions: [session('api', []), session('web', ['api'])],
  config: DEFAULT_GROUP_CONFIG,
  createdAt,
  updatedAt: createdAt,
})

// Fields are merged; changes made meanwhile by other programs are kept.
await repository.updateSession(id, 'api', {
  status: 'completed',
  startedAt: '2026-01-15T10:30:00.000Z',
  completedAt: '2026-01-15T10:31:00.000Z',
  cost: 0.12,
})
const group = await repository.update(id, (group) => ({ name: `${group.name} everywhere` }))
console.log(new ProgressAggregator().computeProgress(group))
