// The data model: what a caller may write, what comes back, and that nothing can be changed in place.

import type {
  Attempt,
  BudgetConfig,
  ConcurrencyConfig,
  Control,
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
  Claim<Same<GroupSession['attempts'], readonly Attempt[] | undefined>>,
  Claim<Same<SessionGroup['control'], Control | undefined>>,
  // All fields are readonly: making them so changes nothing.
  Claim<Same<Attempt, Readonly<Attempt>>>,
  Claim<Same<Control, Readonly<Control>>>,
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
    variables: undefined,
    permissionMode: undefined,
    allowedTools: undefined,
    disallowedTools: undefined,
    appendSystemPrompt: undefined,
    mcpServers: undefined,
    env: undefined,
  } satisfies SessionConfig,
  config: {
    ...config,
    additionalArgs: undefined,
    concurrency: undefined,
    sessionDefaults: undefined,
    exclusiveDirectories: undefined,
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
    runMs: undefined,
    error: undefined,
    deniedTools: undefined,
    usageCounters: undefined,
    model: undefined,
    maxBudgetUsd: undefined,
    maxTurns: undefined,
    timeoutMs: undefined,
    stallTimeoutMs: undefined,
    retries: undefined,
    allowFailure: undefined,
    attempts: undefined,
    waitsUntil: undefined,
    dropped: undefined,
  } satisfies GroupSession,
  attempt: {
    n: 1,
    uuid: 'u',
    how: 'fresh',
    startedAt: '2026-01-01T00:00:00.000Z',
    reservedUsd: 0.5,
    claudeSessionId: 'c',
    endedAt: undefined,
    costUsd: undefined,
    estimated: undefined,
    outcome: undefined,
    error: undefined,
    process: undefined,
  } satisfies Attempt,
  control: {
    request: 'stop',
    at: '2026-01-01T00:00:00.000Z',
    seq: 1,
    sessions: undefined,
    drain: undefined,
    now: undefined,
    fresh: undefined,
    reason: undefined,
    by: undefined,
  } satisfies Control,
  group: {
    ...group,
    description: undefined,
    startedAt: undefined,
    completedAt: undefined,
    control: undefined,
    controlSeen: undefined,
    cause: undefined,
    eventSeq: undefined,
    budgetWarned: undefined,
    runner: undefined,
    plan: undefined,
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

/** With all that a runner needs. */
export const runnable: SessionGroup = {
  ...group,
  config: { ...config, exclusiveDirectories: true },
  sessions: [
    {
      ...session,
      config: {
        generateClaudeMd: true,
        generateSettings: false,
        variables: { name: 'value' },
        permissionMode: 'acceptEdits',
        allowedTools: ['Bash'],
        disallowedTools: ['WebFetch'],
        appendSystemPrompt: 'Be brief.',
        mcpServers: { search: { command: 'search', args: ['--stdio'] } },
        env: { NODE_ENV: 'test', TOKEN: { from: 'CI_TOKEN' } },
      },
      attempts: [
        {
          n: 1,
          uuid: 'u',
          how: 'resume',
          startedAt: '2026-01-01T00:00:00.000Z',
          reservedUsd: 1,
          claudeSessionId: 'c',
          outcome: 'output_limit',
          process: { pid: 1, startTime: '1', bootId: 'b', host: 'h' },
        },
      ],
    },
  ],
  control: { request: 'retry', sessions: ['001-auth-service'], fresh: true, at: group.createdAt, seq: 1 },
  cause: 'usage_limit',
  runner: { pid: 1, startTime: '1', bootId: 'b', host: 'h', at: group.createdAt },
  plan: { path: '/plan.yaml', name: 'login', vars: { region: 'eu' } },
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
