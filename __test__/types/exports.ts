// Nothing is exported as a value that is not named here.

import type * as groups from 'session-groups'
import type { Claim, Same } from './check.js'

type Values =
  | 'CircularDependencyError'
  | 'ClaudeStream'
  | 'ConfigGenerator'
  | 'DEFAULT_BUDGET_CONFIG'
  | 'DEFAULT_CONCURRENCY_CONFIG'
  | 'DEFAULT_GROUP_CONFIG'
  | 'DEFAULT_SESSION_CONFIG'
  | 'DependencyGraph'
  | 'FileGroupRepository'
  | 'GroupManager'
  | 'GroupRunner'
  | 'InMemoryGroupRepository'
  | 'ProgressAggregator'
  | 'SessionGroupsError'
  | 'calculateBudgetUsage'
  | 'canResumeGroup'
  | 'control'
  | 'createSessionProgress'
  | 'groupEvents'
  | 'isActiveGroup'
  | 'isBudgetExceeded'
  | 'isBudgetWarning'
  | 'isTerminalGroupStatus'
  | 'parseGroupEvent'
  | 'parseGroupFeedEvent'

// Importing CommonJS from a module adds names of its own.
type Exported = Exclude<keyof typeof groups, 'default' | 'module.exports'>

export type Claims = [Claim<Same<Exported, Values>>]
