/** Field of every event. Your own events can extend it. */
export interface BaseEvent {
  /** Time of the event, in ISO 8601. */
  readonly timestamp: string
}

/** A group was created. */
export interface GroupCreatedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_created'
  /** Id of the group. */
  readonly groupId: string
  /** Name of the group. */
  readonly name: string
  /** Slug of the group. */
  readonly slug: string
  /** Number of sessions in the group. */
  readonly totalSessions: number
}

/** A group started. */
export interface GroupStartedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_started'
  /** Id of the group. */
  readonly groupId: string
  /** Number of sessions in the group. */
  readonly totalSessions: number
  /** Maximum number of concurrent sessions. */
  readonly maxConcurrent: number
}

/** All sessions of a group have ended. */
export interface GroupCompletedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_completed'
  /** Id of the group. */
  readonly groupId: string
  /** Number of completed sessions. */
  readonly completedSessions: number
  /** Number of failed sessions. */
  readonly failedSessions: number
  /** Total cost in US dollars. */
  readonly totalCostUsd: number
  /** Time since the group's start, in milliseconds. */
  readonly elapsedMs: number
}

/** A group was paused. */
export interface GroupPausedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_paused'
  /** Id of the group. */
  readonly groupId: string
  /** Number of sessions that were running. */
  readonly runningSessions: number
  /** General reason. */
  readonly reason: 'manual' | 'budget_exceeded' | 'error_threshold'
  /** The exact reason, from the runner. */
  readonly cause?: GroupCause | undefined
}

/** A paused group was resumed. */
export interface GroupResumedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_resumed'
  /** Id of the group. */
  readonly groupId: string
  /** Number of sessions that have not started. */
  readonly pendingSessions: number
}

/** A group failed. */
export interface GroupFailedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_failed'
  /** Id of the group. */
  readonly groupId: string
  /** Number of failed sessions. */
  readonly failedSessions: number
  /** Reason, as text. */
  readonly reason: string
  /** The exact reason, from the runner. */
  readonly cause?: GroupCause | undefined
}

/** A session started. */
export interface GroupSessionStartedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_session_started'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Working directory of the session. */
  readonly projectPath: string
  /** Prompt of the session. */
  readonly prompt: string
  /** `true` if `prompt` is only the beginning of it. In the feed, prompts are cut to 4 KiB of UTF-8. */
  readonly truncated?: boolean | undefined
}

/** A session ended. */
export interface GroupSessionCompletedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_session_completed'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Outcome of the session. */
  readonly status: 'completed' | 'failed'
  /** Duration in milliseconds. */
  readonly durationMs: number
  /** Cost in US dollars. */
  readonly costUsd?: number | undefined
}

/** A session failed. */
export interface GroupSessionFailedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_session_failed'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Reason, as text. */
  readonly error: string
  /** Cost in US dollars. */
  readonly costUsd?: number | undefined
}

/** The group's cost has reached `warningThreshold`. */
export interface BudgetWarningEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'budget_warning'
  /** Id of the group. */
  readonly groupId: string
  /** Amount spent, in US dollars. */
  readonly currentUsage: number
  /** Budget in US dollars. */
  readonly limit: number
  /** Percentage of the budget, as {@link calculateBudgetUsage} returns it. */
  readonly percentUsed: number
}

/** The group's cost has reached its budget. */
export interface BudgetExceededEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'budget_exceeded'
  /** Id of the group. */
  readonly groupId: string
  /** Amount spent, in US dollars. */
  readonly usage: number
  /** Budget in US dollars. */
  readonly limit: number
  /** Action that follows. */
  readonly action: 'stop' | 'warn' | 'pause'
}

/** A session waits for others. */
export interface DependencyWaitingEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'dependency_waiting'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Ids of all sessions it depends on. */
  readonly dependsOn: readonly string[]
  /** Ids of those that have not completed yet. */
  readonly pendingDependencies: readonly string[]
}

/** The dependencies of a session have completed. */
export interface DependencyResolvedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'dependency_resolved'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Ids of the dependencies. */
  readonly resolvedDependencies: readonly string[]
}

/** The progress of a session changed. */
export interface SessionProgressEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'session_progress'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Number of distinct messages. */
  readonly messageCount: number
  /** Name of the tool that is running. */
  readonly currentTool?: string | undefined
  /** Cost in US dollars. */
  readonly costUsd?: number | undefined
}

/** The progress of a group changed. */
export interface GroupProgressEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_progress'
  /** Id of the group. */
  readonly groupId: string
  /** Number of completed sessions. */
  readonly completed: number
  /** Number of running sessions. */
  readonly running: number
  /** Number of sessions that have not started. */
  readonly pending: number
  /** Number of failed sessions. */
  readonly failed: number
  /** Total cost in US dollars. */
  readonly totalCostUsd: number
}

/**
 * The same as {@link GroupSessionStartedEvent}, not the event of single sessions that `claude-code-agent` exports under this name.
 */
export type SessionStartedEvent = GroupSessionStartedEvent

/** The same as {@link GroupSessionCompletedEvent}. */
export type SessionCompletedEvent = GroupSessionCompletedEvent

/** The same as {@link GroupSessionFailedEvent}. */
export type SessionFailedEvent = GroupSessionFailedEvent

/** The event of each type. */
export interface GroupEventMap {
  /** A group was created. */
  readonly group_created: GroupCreatedEvent
  /** A group started. */
  readonly group_started: GroupStartedEvent
  /** All sessions of a group have ended. */
  readonly group_completed: GroupCompletedEvent
  /** A group was paused. */
  readonly group_paused: GroupPausedEvent
  /** A paused group was resumed. */
  readonly group_resumed: GroupResumedEvent
  /** A group failed. */
  readonly group_failed: GroupFailedEvent
  /** A session started. */
  readonly group_session_started: GroupSessionStartedEvent
  /** A session ended. */
  readonly group_session_completed: GroupSessionCompletedEvent
  /** A session failed. */
  readonly group_session_failed: GroupSessionFailedEvent
  /** The group's cost has reached `warningThreshold`. */
  readonly budget_warning: BudgetWarningEvent
  /** The group's cost has reached its budget. */
  readonly budget_exceeded: BudgetExceededEvent
  /** A session waits for others. */
  readonly dependency_waiting: DependencyWaitingEvent
  /** The dependencies of a session have completed. */
  readonly dependency_resolved: DependencyResolvedEvent
  /** The progress of a session changed. */
  readonly session_progress: SessionProgressEvent
  /** The progress of a group changed. */
  readonly group_progress: GroupProgressEvent
}

/** The types of events. */
export type GroupEventType = keyof GroupEventMap

/** Any event, discriminated by `type`. */
export type GroupEvent = GroupEventMap[GroupEventType]

/** A group was deleted. */
export interface GroupDeletedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'group_deleted'
  /** Id of the group. */
  readonly groupId: string
}

/** An attempt of a session failed, and the session will be resumed. */
export interface SessionRetryingEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'session_retrying'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Number of the attempt that ended, from 1. */
  readonly attempt: number
  /** Outcome of that attempt. */
  readonly outcome: AttemptOutcome
  /** Error message of that attempt. */
  readonly error?: string | undefined
  /** Time before which the session is not resumed, in ISO 8601. */
  readonly waitsUntil?: string | undefined
}

/** A session was interrupted by a pause or a stop. It can be resumed. */
export interface SessionInterruptedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'session_interrupted'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Number of the attempt that ended, from 1. */
  readonly attempt: number
  /** Cost of the session so far in US dollars. */
  readonly costUsd?: number | undefined
}

/** A session waits for the end of a usage limit of the account. */
export interface SessionWaitingLimitEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'session_waiting_limit'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Time before which the session is not resumed, in ISO 8601. */
  readonly waitsUntil?: string | undefined
}

/** A usage limit of the account has ended, for all sessions of the group. */
export interface SessionLimitLiftedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'session_limit_lifted'
  /** Id of the group. */
  readonly groupId: string
}

/** A session that an earlier runner started is still running, and was taken over. */
export interface SessionAdoptedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'session_adopted'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Number of its attempt, from 1. */
  readonly attempt: number
  /** Id of its process. */
  readonly pid?: number | undefined
}

/** A session can no longer start, because sessions that it depends on cannot complete. */
export interface SessionUnreachableEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'session_unreachable'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Ids of the sessions that cannot complete. */
  readonly because: readonly string[]
}

/** The use of tools was refused in an attempt that ended. */
export interface ToolsDeniedEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'tools_denied'
  /** Id of the group. */
  readonly groupId: string
  /** Id of the session. */
  readonly sessionId: string
  /** Names of the tools, each once. */
  readonly tools: readonly string[]
}

/** Events that happened are not in the feed. What they reported is in the stored group. */
export interface FeedGapEvent extends BaseEvent {
  /** Type of the event. */
  readonly type: 'feed_gap'
  /** Id of the group. */
  readonly groupId: string
  /** `seq` of the first missing event. */
  readonly from: number
  /** `seq` of the last missing event, which is also the `seq` of this one. */
  readonly to: number
}

/** Fields of every event of a feed. */
export interface FeedEntry {
  /** Version of the format. */
  readonly v: 1
  /** Number of the event. The events of a group are numbered from 1 without gaps. */
  readonly seq: number
}

/** The event of each type that a feed can have. */
export interface GroupFeedEventMap extends GroupEventMap {
  /** A group was deleted. */
  readonly group_deleted: GroupDeletedEvent
  /** An attempt of a session failed, and the session will be resumed. */
  readonly session_retrying: SessionRetryingEvent
  /** A session was interrupted by a pause or a stop. */
  readonly session_interrupted: SessionInterruptedEvent
  /** A session waits for the end of a usage limit of the account. */
  readonly session_waiting_limit: SessionWaitingLimitEvent
  /** A usage limit of the account has ended. */
  readonly session_limit_lifted: SessionLimitLiftedEvent
  /** A session that an earlier runner started was taken over. */
  readonly session_adopted: SessionAdoptedEvent
  /** A session can no longer start. */
  readonly session_unreachable: SessionUnreachableEvent
  /** The use of tools was refused. */
  readonly tools_denied: ToolsDeniedEvent
  /** Events that happened are not in the feed. */
  readonly feed_gap: FeedGapEvent
}

/** The types of events that a feed can have. */
export type GroupFeedEventType = keyof GroupFeedEventMap

/** Any event of a feed, discriminated by `type`. */
export type GroupFeedEvent = FeedEntry & GroupFeedEventMap[GroupFeedEventType]
