// A first program: a group of two sessions, one of which waits for the other.

import { DEFAULT_GROUP_CONFIG, FileGroupRepository, ProgressAggregator } from 'session-groups'

const now = new Date().toISOString()
const session = (id, dependsOn) => ({
  id,
  projectPath: `/projects/${id}`,
  prompt: 'Add logging',
  status: 'pending',
  dependsOn,
  createdAt: now,
})
const id = '20260115-103000-logging'

const repository = new FileGroupRepository('./groups')
await repository.save({
  id,
  name: 'Logging',
  slug: 'logging',
  status: 'created',
  sessions: [session('api', []), session('web', ['api'])],
  config: DEFAULT_GROUP_CONFIG,
  createdAt: now,
  updatedAt: now,
})

await repository.updateSession(id, 'api', {
  status: 'completed',
  startedAt: now,
  completedAt: now,
  cost: 0.12,
})
const group = await repository.update(id, (group) => ({ name: `${group.name} everywhere` }))
console.log(new ProgressAggregator().computeProgress(group))
