// The defaults have the types of the configurations that they are defaults of.

import {
  type BudgetConfig,
  type ConcurrencyConfig,
  DEFAULT_BUDGET_CONFIG,
  DEFAULT_CONCURRENCY_CONFIG,
  DEFAULT_GROUP_CONFIG,
  type DEFAULT_SESSION_CONFIG,
  type GroupConfig,
  type SessionConfig,
} from 'session-groups'
import type { Claim, HasAny, Not, Same } from './check.js'

export type Claims = [
  Claim<Same<typeof DEFAULT_BUDGET_CONFIG, BudgetConfig>>,
  Claim<Same<typeof DEFAULT_CONCURRENCY_CONFIG, ConcurrencyConfig>>,
  Claim<Same<typeof DEFAULT_SESSION_CONFIG, SessionConfig>>,
  Claim<Same<typeof DEFAULT_GROUP_CONFIG, GroupConfig>>,
  Claim<Not<HasAny<BudgetConfig | ConcurrencyConfig | SessionConfig | GroupConfig>>>,
]

export const config: GroupConfig = {
  ...DEFAULT_GROUP_CONFIG,
  model: 'opus',
  concurrency: DEFAULT_CONCURRENCY_CONFIG,
}

// @ts-expect-error Constants cannot be changed.
DEFAULT_BUDGET_CONFIG.maxBudgetUsd = 10
// @ts-expect-error Constants cannot be changed.
DEFAULT_GROUP_CONFIG.model = 'sonnet'
