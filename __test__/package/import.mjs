import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import * as all from 'session-groups'
import {
  FileGroupRepository,
  InMemoryGroupRepository,
  ProgressAggregator,
  SessionGroupsError,
} from 'session-groups'
import { use } from './use.cjs'

const required = createRequire(import.meta.url)('session-groups')
const named = Object.entries(all).filter(([name]) => name in required)
assert.deepEqual(Object.fromEntries(named), { ...required })
await use({ FileGroupRepository, InMemoryGroupRepository, ProgressAggregator, SessionGroupsError })
console.log('ok')
