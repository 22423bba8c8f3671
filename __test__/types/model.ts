// The data model: what a caller may write, what comes back, and that nothing can be changed in place.

import type {
  BudgetConfig,
  ConcurrencyConfig,
  GroupConfig,
  GroupFilter,
  GroupProgress,
  GroupSession,
  GroupSort,
  GroupStatus,
  RepositoryProblem,
  SessionConfig,
  SessionGroup,
  SessionProgress,
  SessionStatus,
  TokenUsage,
} from 'session-groups'
import type { Claim, Same } from './check.js'

export type Claims = [
  Claim<Same<SessionStatus, 'pending' | 'active' | 'paused' | 'completed' | 'failed'>>,
  Claim<
    Same<GroupStatus, 'created' | 'running' | 'paused' | 'completed' | 'failed' | 'archived' | 'deleted'>
  >,
  Claim<Same<BudgetConfig['onBudgetExceeded'], 'stop' | 'warn' | 'pause'>>,
  Claim<Same<GroupSort['field'], 'name' | 'createdAt' | 'updatedAt'>>,
  Claim<
    Same<RepositoryProblem['kind'], 'corrupt' | 'id_mismatch' | 'newer_schema' | 'foreign_owner' | 'leftover'>
  >,
  // All fields are readonly: making them so changes nothing.
  Claim<Same<TokenUsage, Readonly<TokenUsage>>>,
  Claim<Same<BudgetConfig, Readonly<BudgetConfig>>>,
  Claim<Same<ConcurrencyConfig, Readonly<ConcurrencyConfig>>>,
  Claim<Same<SessionConfig, Readonly<SessionConfig>>>,
  Claim<Same<GroupFilter, Readonly<GroupFilter>>>,
  Claim<Same<GroupSort, Readonly<GroupSort>>>,
  Claim<Same<RepositoryProblem, Readonly<RepositoryProblem>>>,
  Claim<Same<GroupProgress['sessions'], readonly SessionProgress[]>>,
  Claim<Same<SessionGroup['sessions'], readonly GroupSession[]>>,
  Claim<Same<GroupSession['dependsOn'], readonly string[]>>,
]

const session: GroupSession = {
  id: '001-auth-service',
  projectPath: '/projects/auth',
  prompt: 'Add a login',
  status: 'pending',
  dependsOn: [],
  createdAt: '2026-01-01T00:00:00.000Z',
}

const config: GroupConfig = {
  model: 'sonnet',
  maxBudgetUsd: 10,
  onBudgetExceeded: 'pause',
  warningThreshold: 0.8,
  maxConcurrentSessions: 3,
}

const group: SessionGroup = {
  id: '20260101-000000-login',
  name: 'Login',
  slug: 'login',
  status: 'created',
  sessions: [session],
  config,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
}

// A program that builds its values piece by piece passes `undefined` for what it has not got.
export const explicit = {
  usage: { input: 1, output: 2, cacheRead: undefined, cacheWrite: undefined } satisfies TokenUsage,
  sessionConfig: {
    generateClaudeMd: true,
    generateSettings: false,
    claudeMdTemplate: undefined,
    settingsOverride: undefined,
  } satisfies SessionConfig,
  config: {
    ...config,
    additionalArgs: undefined,
    concurrency: undefined,
    sessionDefaults: undefined,
  } satisfies GroupConfig,
  session: {
    ...session,
    template: undefined,
    claudeSessionId: undefined,
    startedAt: undefined,
    completedAt: undefined,
    cost: undefined,
    tokens: undefined,
    config: undefined,
  } satisfies GroupSession,
  group: {
    ...group,
    description: undefined,
    startedAt: undefined,
    completedAt: undefined,
  } satisfies SessionGroup,
  progress: {
    id: 'a',
    projectPath: '/a',
    status: 'active',
    cost: 0,
    tokens: { input: 0, output: 0 },
    messageCount: 0,
    currentTool: undefined,
    startedAt: undefined,
    durationMs: undefined,
  } satisfies SessionProgress,
  filter: {
    status: undefined,
    nameContains: undefined,
    since: undefined,
    limit: undefined,
    offset: undefined,
  } satisfies GroupFilter,
}

export const since: GroupFilter[] = [{ since: new Date(0) }, { since: '2026-01-01T00:00:00Z' }, {}]

// @ts-expect-error An index may be out of range.
export const first: GroupSession = group.sessions[0]
// @ts-expect-error A cost may be missing.
export const cost: number = session.cost

// @ts-expect-error Fields are readonly.
group.status = 'running'
// @ts-expect-error Fields are readonly.
session.cost = 1
// @ts-expect-error Fields are readonly.
config.model = 'opus'
// @ts-expect-error Arrays are readonly.
group.sessions.push(session)
// @ts-expect-error Arrays are readonly.
session.dependsOn[0] = 'other'

// @ts-expect-error No such status.
export const unknownStatus: SessionStatus = 'in_progress'
// @ts-expect-error A required field is missing.
export const incomplete: GroupSession = { id: 'a', projectPath: '/a', prompt: '', status: 'pending' }
// @ts-expect-error No such field to sort by.
export const sort: GroupSort = { field: 'status', direction: 'asc' }
// @ts-expect-error A filter takes one status.
export const filter: GroupFilter = { status: ['running'] }
