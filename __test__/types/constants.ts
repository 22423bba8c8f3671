// The defaults have literal types and serve as the configurations they are defaults of.

import {
  type BudgetConfig,
  type ConcurrencyConfig,
  DEFAULT_BUDGET_CONFIG,
  DEFAULT_CONCURRENCY_CONFIG,
  DEFAULT_GROUP_CONFIG,
  DEFAULT_SESSION_CONFIG,
  type GroupConfig,
  type SessionConfig,
} from 'session-groups'
import type { Claim, HasAny, Not, Same } from './check.js'

type Budget = typeof DEFAULT_BUDGET_CONFIG
type Concurrency = typeof DEFAULT_CONCURRENCY_CONFIG
type Session = typeof DEFAULT_SESSION_CONFIG
type Group = typeof DEFAULT_GROUP_CONFIG

export type Claims = [
  Claim<Same<Budget['maxBudgetUsd'], 10>>,
  Claim<Same<Budget['onBudgetExceeded'], 'pause'>>,
  Claim<Same<Budget['warningThreshold'], 0.8>>,
  Claim<Same<Concurrency['maxConcurrent'], 3>>,
  Claim<Same<Concurrency['respectDependencies'], true>>,
  Claim<Same<Concurrency['pauseOnError'], true>>,
  Claim<Same<Concurrency['errorThreshold'], 2>>,
  Claim<Same<Session['generateClaudeMd'], true>>,
  Claim<Same<Session['generateSettings'], false>>,
  Claim<Same<Group['model'], 'sonnet'>>,
  Claim<Same<Group['maxBudgetUsd'], 10>>,
  Claim<Same<Group['onBudgetExceeded'], 'pause'>>,
  Claim<Same<Group['warningThreshold'], 0.8>>,
  Claim<Same<Group['maxConcurrentSessions'], 3>>,
  Claim<Not<HasAny<Budget | Concurrency | Session | Group>>>,
]

export const budget: BudgetConfig = DEFAULT_BUDGET_CONFIG
export const concurrency: ConcurrencyConfig = DEFAULT_CONCURRENCY_CONFIG
export const sessionConfig: SessionConfig = DEFAULT_SESSION_CONFIG
export const config: GroupConfig = { ...DEFAULT_GROUP_CONFIG, model: 'opus', concurrency }
export const ten: 10 = DEFAULT_GROUP_CONFIG.maxBudgetUsd

// @ts-expect-error Constants cannot be changed.
DEFAULT_BUDGET_CONFIG.maxBudgetUsd = 10
// @ts-expect-error Constants cannot be changed.
DEFAULT_GROUP_CONFIG.model = 'sonnet'
// @ts-expect-error Another number.
export const eleven: 11 = DEFAULT_BUDGET_CONFIG.maxBudgetUsd
