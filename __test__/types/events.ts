// The events: all 15 by name, told apart by `type`, and those of a feed.

import {
  type BaseEvent,
  type BudgetExceededEvent,
  type BudgetWarningEvent,
  type DependencyResolvedEvent,
  type DependencyWaitingEvent,
  type FeedEntry,
  type FeedGapEvent,
  type GroupCause,
  type GroupCompletedEvent,
  type GroupCreatedEvent,
  type GroupDeletedEvent,
  type GroupEvent,
  type GroupEventMap,
  type GroupEventType,
  type GroupFailedEvent,
  type GroupFeedEvent,
  type GroupFeedEventMap,
  type GroupFeedEventType,
  type GroupPausedEvent,
  type GroupProgressEvent,
  type GroupResumedEvent,
  type GroupSessionCompletedEvent,
  type GroupSessionFailedEvent,
  type GroupSessionStartedEvent,
  type GroupStartedEvent,
  parseGroupEvent,
  parseGroupFeedEvent,
  type SessionAdoptedEvent,
  type SessionCompletedEvent,
  type SessionFailedEvent,
  type SessionInterruptedEvent,
  type SessionLimitLiftedEvent,
  type SessionProgressEvent,
  type SessionRetryingEvent,
  type SessionStartedEvent,
  type SessionUnreachableEvent,
  type SessionWaitingLimitEvent,
  type ToolsDeniedEvent,
} from 'session-groups'
import type { Claim, HasAny, Not, Same } from './check.js'

type Union =
  | GroupCreatedEvent
  | GroupStartedEvent
  | GroupCompletedEvent
  | GroupPausedEvent
  | GroupResumedEvent
  | GroupFailedEvent
  | GroupSessionStartedEvent
  | GroupSessionCompletedEvent
  | GroupSessionFailedEvent
  | BudgetWarningEvent
  | BudgetExceededEvent
  | DependencyWaitingEvent
  | DependencyResolvedEvent
  | SessionProgressEvent
  | GroupProgressEvent

type Further =
  | GroupDeletedEvent
  | SessionRetryingEvent
  | SessionInterruptedEvent
  | SessionWaitingLimitEvent
  | SessionLimitLiftedEvent
  | SessionAdoptedEvent
  | SessionUnreachableEvent
  | ToolsDeniedEvent
  | FeedGapEvent

export type Claims = [
  Claim<Same<GroupFeedEvent['type'], Union['type'] | Further['type']>>,
  Claim<Same<GroupFeedEventType, keyof GroupFeedEventMap>>,
  Claim<Same<GroupFeedEventMap[GroupFeedEventType], Union | Further>>,
  Claim<Same<GroupFeedEvent['v' | 'seq' | 'groupId'], 1 | number | string>>,
  Claim<Same<GroupFailedEvent['cause'], GroupCause | undefined>>,
  Claim<Same<GroupSessionStartedEvent['truncated'], boolean | undefined>>,
  Claim<Same<ReturnType<typeof parseGroupFeedEvent>, GroupFeedEvent>>,
  Claim<Same<Parameters<typeof parseGroupFeedEvent>, [text: string]>>,
  Claim<Not<HasAny<GroupFeedEvent>>>,
  Claim<Same<GroupEvent, Union>>,
  Claim<Same<GroupEventType, Union['type']>>,
  Claim<Same<GroupEventType, keyof GroupEventMap>>,
  Claim<Same<GroupEventMap['budget_warning'], BudgetWarningEvent>>,
  Claim<Same<SessionStartedEvent, GroupSessionStartedEvent>>,
  Claim<Same<SessionCompletedEvent, GroupSessionCompletedEvent>>,
  Claim<Same<SessionFailedEvent, GroupSessionFailedEvent>>,
  Claim<Same<Extract<GroupEvent, { type: 'group_paused' }>, GroupPausedEvent>>,
  Claim<Same<GroupPausedEvent['reason'], 'manual' | 'budget_exceeded' | 'error_threshold'>>,
  Claim<Same<GroupPausedEvent['cause'], GroupCause | undefined>>,
  // As in the original, so that events of the user's own can extend it.
  Claim<Same<BaseEvent, { readonly timestamp: string }>>,
  Claim<Same<GroupEvent['groupId'], string>>,
  Claim<Same<SessionCompletedEvent['status'], 'completed' | 'failed'>>,
  Claim<Same<ReturnType<typeof parseGroupEvent>, GroupEvent>>,
  Claim<Same<Parameters<typeof parseGroupEvent>, [text: string]>>,
  Claim<Not<HasAny<GroupEvent>>>,
]

/** Every case has its own fields, and none is missing. */
export function describe(event: GroupEvent): string {
  switch (event.type) {
    case 'group_created':
      return `${event.name} ${event.slug} ${event.totalSessions}`
    case 'group_started':
      return `${event.totalSessions} ${event.maxConcurrent}`
    case 'group_completed':
      return `${event.completedSessions + event.failedSessions} ${event.totalCostUsd} ${event.elapsedMs}`
    case 'group_paused':
      return `${event.runningSessions} ${event.reason}`
    case 'group_resumed':
      return `${event.pendingSessions}`
    case 'group_failed':
      return `${event.failedSessions} ${event.reason}`
    case 'group_session_started':
      return `${event.sessionId} ${event.projectPath} ${event.prompt}`
    case 'group_session_completed':
      return `${event.sessionId} ${event.status} ${event.durationMs} ${event.costUsd?.toFixed(2)}`
    case 'group_session_failed':
      return `${event.sessionId} ${event.error} ${event.costUsd?.toFixed(2)}`
    case 'budget_warning':
      return `${event.currentUsage} ${event.limit} ${event.percentUsed}`
    case 'budget_exceeded':
      return `${event.usage} ${event.limit} ${event.action}`
    case 'dependency_waiting':
      return `${event.sessionId} ${event.dependsOn.join()} ${event.pendingDependencies.join()}`
    case 'dependency_resolved':
      return `${event.sessionId} ${event.resolvedDependencies.join()}`
    case 'session_progress':
      return `${event.sessionId} ${event.messageCount} ${event.currentTool ?? ''} ${event.costUsd?.toFixed(2)}`
    case 'group_progress':
      return `${event.completed + event.running + event.pending + event.failed} ${event.totalCostUsd}`
    default: {
      const none: never = event
      return none
    }
  }
}

type Handlers = { [Type in GroupEventType]?: (event: GroupEventMap[Type]) => void }

export const handlers: Handlers = {
  session_progress: (event) => event.messageCount.toFixed(),
  // @ts-expect-error Another event's field.
  group_failed: (event) => event.sessionId,
}

export const common = (event: GroupEvent): [GroupEventType, string, string] => [
  event.type,
  event.timestamp,
  event.groupId,
]

export const failed: SessionFailedEvent = {
  type: 'group_session_failed',
  timestamp: '2026-01-01T00:00:00.000Z',
  groupId: 'g',
  sessionId: 's',
  error: 'none',
  costUsd: undefined,
}

const event = parseGroupEvent('{}')
// @ts-expect-error Not before `type` is known.
event.sessionId
// @ts-expect-error Fields are readonly.
event.groupId = 'other'
// @ts-expect-error Text, not bytes.
parseGroupEvent(new Uint8Array())

/** An event of a feed is also one of the 15, or one of the further ones, told apart by `type`. */
export function describeEntry(event: GroupFeedEvent): string {
  const entry: FeedEntry = event
  switch (event.type) {
    case 'group_deleted':
    case 'session_limit_lifted':
      return `${entry.seq} ${event.groupId}`
    case 'session_retrying':
      return `${event.sessionId} ${event.attempt.toFixed()} ${event.outcome} ${event.error} ${event.waitsUntil}`
    case 'session_interrupted':
      return `${event.sessionId} ${event.attempt.toFixed()} ${event.costUsd?.toFixed(2)}`
    case 'session_waiting_limit':
      return `${event.sessionId} ${event.waitsUntil}`
    case 'session_adopted':
      return `${event.sessionId} ${event.attempt.toFixed()} ${event.pid?.toFixed()}`
    case 'session_unreachable':
      return `${event.sessionId} ${event.because.join()}`
    case 'tools_denied':
      return `${event.sessionId} ${event.tools.join()}`
    case 'feed_gap':
      return `${event.from.toFixed()} ${event.to.toFixed()}`
    default:
      return describe(event)
  }
}

// @ts-expect-error An event of a feed need not be one of the 15.
describe(parseGroupFeedEvent('{}'))
