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
