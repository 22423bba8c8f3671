export {}

/** Status of a session. */
export type SessionStatus = 'pending' | 'active' | 'paused' | 'completed' | 'failed'

/**
 * Status of a group: `created` → `running` → `completed`, `failed` or `paused`; `paused` → `running`;
 * `completed` → `archived`; any → `deleted`. Repositories store any status; a {@link GroupManager} checks changes.
 */
export type GroupStatus = 'created' | 'running' | 'paused' | 'completed' | 'failed' | 'archived' | 'deleted'

/** Numbers of tokens, all integers. */
export interface TokenUsage {
  /** Number of input tokens. */
  readonly input: number
  /** Number of output tokens. */
  readonly output: number
  /** Number of tokens read from the prompt cache; absent when zero. */
  readonly cacheRead?: number | undefined
  /** Number of tokens written to the prompt cache; absent when zero. */
  readonly cacheWrite?: number | undefined
}

/** Budget of a group. */
export interface BudgetConfig {
  /** Budget in US dollars, 0 or more; 0 allows no spending. @default 10 */
  readonly maxBudgetUsd: number
  /**
   * Action when the budget is spent. `pause` and `stop` interrupt the running sessions: a paused group is resumed with a larger
   * budget, a stopped one has failed. `warn` limits nothing.
   * @default 'pause'
   */
  readonly onBudgetExceeded: 'stop' | 'warn' | 'pause'
  /** Warning threshold as a fraction of the budget, 0 to 1. @default 0.8 */
  readonly warningThreshold: number
}

/** Limits of concurrency, and the number of failures that pause a group. */
export interface ConcurrencyConfig {
  /** Maximum number of concurrent sessions, 1 or more. @default 3 */
  readonly maxConcurrent: number
  /** `true` if a session waits for the sessions it depends on. @default true */
  readonly respectDependencies: boolean
  /** `true` if failures pause the group. @default true */
  readonly pauseOnError: boolean
  /** Number of failures that pause the group, 1 or more. @default 2 */
  readonly errorThreshold: number
}

/** Configuration of a session, from which files and options of Claude Code are generated before it starts. */
export interface SessionConfig {
  /**
   * `true` to use the template. The runner adds its text to the system prompt and leaves the project's CLAUDE.md alone; a
   * {@link ConfigGenerator} writes a CLAUDE.md. @default true
   */
  readonly generateClaudeMd: boolean
  /** `true` to use `settingsOverride`, which has no effect otherwise. @default false */
  readonly generateSettings: boolean
  /** Name or path of a template; by default the session's `template`. */
  readonly claudeMdTemplate?: string | undefined
  /** Settings of Claude Code, as in settings.json, if `generateSettings` is `true`. */
  readonly settingsOverride?: { readonly [key: string]: unknown } | undefined
  /** Values for the variables of the template, for the runner. */
  readonly variables?: { readonly [name: string]: string } | undefined
  /** Claude Code's `--permission-mode`, e.g. `acceptEdits`, for the runner. */
  readonly permissionMode?: string | undefined
  /** Tools that may be used without asking, as in `--allowedTools`, for the runner. */
  readonly allowedTools?: readonly string[] | undefined
  /** Tools that may not be used, as in `--disallowedTools`, for the runner. */
  readonly disallowedTools?: readonly string[] | undefined
  /** Text for `--append-system-prompt`, for the runner. */
  readonly appendSystemPrompt?: string | undefined
  /** MCP servers by name, as in the file of `--mcp-config`, for the runner. */
  readonly mcpServers?: { readonly [name: string]: { readonly [key: string]: unknown } } | undefined
  /**
   * Variables for the session's environment, for the runner: the value, or the name of a variable of the runner's own
   * environment, whose value is never stored.
   */
  readonly env?: { readonly [name: string]: string | EnvSource } | undefined
}

/** A variable whose value is taken from the runner's own environment. */
export interface EnvSource {
  /** The name of the runner's variable. */
  readonly from: string
}

/** Configuration of a group. */
export interface GroupConfig extends BudgetConfig {
  /** Name or alias of the model. @default 'sonnet' */
  readonly model: string
  /** Maximum number of concurrent sessions, 1 or more. @default 3 */
  readonly maxConcurrentSessions: number
  /** Additional arguments for the command-line program. */
  readonly additionalArgs?: readonly string[] | undefined
  /** Finer rules, whose `maxConcurrent` takes precedence over `maxConcurrentSessions`. */
  readonly concurrency?: ConcurrencyConfig | undefined
  /** Configuration of sessions without a `config` of their own. */
  readonly sessionDefaults?: SessionConfig | undefined
  /** `true` to never run two sessions of this group in one working directory at the same time, for the runner. @default false */
  readonly exclusiveDirectories?: boolean | undefined
}

/** One session of a group: a run of Claude Code in a directory. */
export interface GroupSession {
  /** Identifier, unique in the group, e.g. `001-auth-service`. */
  readonly id: string
  /** Working directory of the session. */
  readonly projectPath: string
  /** Prompt of the session. */
  readonly prompt: string
  /** Current status. */
  readonly status: SessionStatus
  /** Ids of the sessions of the group that must complete first. A session that depends on a missing one never starts. */
  readonly dependsOn: readonly string[]
  /** Creation time, in ISO 8601. */
  readonly createdAt: string
  /** Name or path of the session's template, if its configuration has no `claudeMdTemplate`. */
  readonly template?: string | undefined
  /** Claude Code's id of the conversation. */
  readonly claudeSessionId?: string | undefined
  /** Start of the newest run, in ISO 8601. */
  readonly startedAt?: string | undefined
  /** End of the newest run, in ISO 8601. */
  readonly completedAt?: string | undefined
  /** Cost of all runs in US dollars, 0 or more. */
  readonly cost?: number | undefined
  /** Tokens used by all runs. */
  readonly tokens?: TokenUsage | undefined
  /** Configuration that overrides the group's `sessionDefaults`. */
  readonly config?: SessionConfig | undefined
  /** Duration in milliseconds of all runs that have ended, 0 or more. */
  readonly runMs?: number | undefined
  /** Reason why the session failed; removed when it runs again. */
  readonly error?: string | undefined
  /** Names of the tools whose use was refused in the newest run. */
  readonly deniedTools?: readonly string[] | undefined
  /** Usage counters of earlier runs, which {@link ClaudeStream} needs for later ones. Opaque: store them unchanged. */
  readonly usageCounters?: { readonly [key: string]: unknown } | undefined
  /** Model that overrides the group's, for the runner. */
  readonly model?: string | undefined
  /** Budget of all runs in US dollars, 0 or more, for the runner. By default only that of the group counts. */
  readonly maxBudgetUsd?: number | undefined
  /** Maximum number of turns of a run, 1 or more, for the runner. By default there is no limit. */
  readonly maxTurns?: number | undefined
  /**
   * Maximum running time of all runs together in milliseconds, 0 or more, for the runner. Pauses do not count. By default there
   * is no limit.
   */
  readonly timeoutMs?: number | undefined
  /**
   * Maximum time without any progress in milliseconds, 0 or more, for the runner. Less than 480000 counts as 480000.
   * @default 900000
   */
  readonly stallTimeoutMs?: number | undefined
  /** Number of times a transient failure is retried, 0 or more, for the runner. @default 2 */
  readonly retries?: number | undefined
  /** `true` to start the sessions that depend on this one even if it fails, for the runner. @default false */
  readonly allowFailure?: boolean | undefined
  /** The newest attempts to run the session, at most 20, from the runner. */
  readonly attempts?: readonly Attempt[] | undefined
  /** Time at which a retry or the end of a usage limit is due, in ISO 8601, from the runner. */
  readonly waitsUntil?: string | undefined
  /** `true` if the plan file no longer contains the session, from the runner. */
  readonly dropped?: boolean | undefined
}

/** The outcome of an attempt. */
export type AttemptOutcome =
  | 'completed'
  | 'failed'
  | 'interrupted'
  | 'killed'
  | 'crashed'
  | 'cap'
  | 'limited'
  | 'stalled'
  | 'timeout'
  | 'output_limit'

/** One process for a session, recorded by the runner. */
export interface Attempt {
  /** Number of the attempt, starting at 1. */
  readonly n: number
  /** Identifier of the attempt's processes. */
  readonly uuid: string
  /** `fresh` for a new conversation, `resume` to continue an earlier one. */
  readonly how: 'fresh' | 'resume'
  /** Start, in ISO 8601. */
  readonly startedAt: string
  /** Reserved budget in US dollars. */
  readonly reservedUsd: number
  /** Id of the conversation. */
  readonly claudeSessionId: string
  /** End, in ISO 8601. */
  readonly endedAt?: string | undefined
  /** Cost in US dollars. */
  readonly costUsd?: number | undefined
  /** `true` if the cost is an estimate, because a turn ended without a result. */
  readonly estimated?: boolean | undefined
  /** The outcome. */
  readonly outcome?: AttemptOutcome | undefined
  /** The error message of an attempt that did not complete. */
  readonly error?: string | undefined
  /** The process, recorded after its start. */
  readonly process?: ProcessIdentity | undefined
}

/** Identifies a process beyond the reuse of its pid. */
export interface ProcessIdentity {
  /** Process id. */
  readonly pid: number
  /** Start time of the process as reported by the system. */
  readonly startTime: string
  /** Identifier of the boot of the machine. */
  readonly bootId: string
  /** Name of the machine. */
  readonly host: string
}

/** A request to the runner of a group. */
export interface Control {
  /** The requested action. */
  readonly request: 'pause' | 'resume' | 'stop' | 'retry'
  /** Ids of the sessions concerned; all sessions when absent. */
  readonly sessions?: readonly string[] | undefined
  /** `true` to let running sessions finish. */
  readonly drain?: boolean | undefined
  /** `true` to terminate running sessions without an interrupt. */
  readonly now?: boolean | undefined
  /** `true` to begin a new conversation for retried sessions. */
  readonly fresh?: boolean | undefined
  /** Reason, as text. */
  readonly reason?: string | undefined
  /** Time of the request, in ISO 8601. */
  readonly at: string
  /** The author of the request. */
  readonly by?: string | undefined
  /** Number of the request, 0 or more. */
  readonly seq: number
}

/** The process that runs a group, where the repository has no kernel locks. */
export interface RunnerRecord extends ProcessIdentity {
  /** Time at which the record was last renewed, in ISO 8601. */
  readonly at: string
}

/** Plan file that a group was created from. */
export interface PlanSource {
  /** Path of the file. */
  readonly path: string
  /** The plan's name. */
  readonly name: string
  /** Values of its variables. */
  readonly vars: { readonly [name: string]: string }
}

/** The reason why a group is paused or failed. */
export type GroupCause =
  | 'manual'
  | 'budget_exceeded'
  | 'error_threshold'
  | 'stopped'
  | 'usage_limit'
  | 'login'
  | 'billing'
  | 'unknown_process'
  | 'conversation_gone'
  | 'mass_failure'
  | 'unreachable'

/** Group of sessions with a common goal. */
export interface SessionGroup {
  /**
   * Identifier, usually `YYYYMMDD-HHMMSS-{slug}`: 1 to 128 of `A-Z a-z 0-9 . _ -`. It starts with a letter or a digit,
   * does not end with a dot, does not contain `..`, and is not a device name of Windows.
   */
  readonly id: string
  /** Display name. */
  readonly name: string
  /** Form of the name used in the id. */
  readonly slug: string
  /** Current status. */
  readonly status: GroupStatus
  /** Sessions, in the order in which they start. */
  readonly sessions: readonly GroupSession[]
  /** Configuration of the group. */
  readonly config: GroupConfig
  /** Creation time, in ISO 8601. */
  readonly createdAt: string
  /** Time of the last change, in ISO 8601. Repositories set it with each update, never to an earlier time. */
  readonly updatedAt: string
  /** Description. */
  readonly description?: string | undefined
  /** Start, in ISO 8601. */
  readonly startedAt?: string | undefined
  /** End, in ISO 8601. */
  readonly completedAt?: string | undefined
  /** The newest request to the runner. */
  readonly control?: Control | undefined
  /** `seq` of the newest request that the runner acted on. */
  readonly controlSeen?: number | undefined
  /** The reason why the group is paused or failed, from the runner. */
  readonly cause?: GroupCause | undefined
  /** `seq` of the newest event, from the runner. */
  readonly eventSeq?: number | undefined
  /** `true` once the warning for the budget has been emitted, from the runner. */
  readonly budgetWarned?: boolean | undefined
  /** The process that runs the group, where the repository has no kernel locks. */
  readonly runner?: RunnerRecord | undefined
  /** Plan file that the group was created from. */
  readonly plan?: PlanSource | undefined
}

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

/** A session that waits for others. */
export interface BlockedSession<Session = GroupSession> {
  /** The session, as it was passed to the graph. */
  readonly session: Session
  /** Ids of the dependencies that have not completed, in the order of `dependsOn`. */
  readonly waitingOn: readonly string[]
}

/** A session that can never start unless one of the causes completes. */
export interface UnreachableSession<Session = GroupSession> {
  /** The session, as it was passed to the graph. */
  readonly session: Session
  /**
   * Ids of the failed sessions that it waits for, directly or through others, in the group's order; then the ids that no session
   * has.
   */
  readonly because: readonly string[]
}

/**
 * The order in which the sessions of a group can run. Tells which sessions can start now, which ones wait, and which ones can
 * never start, while you report what happens to each.
 *
 * A graph reads `id`, `dependsOn` and `status` of each session once, when it is created. `pending` sessions wait for their
 * dependencies. `completed` ones satisfy those that depend on them, `failed` ones do not. Sessions with any other status count as
 * started. Methods return the session objects that were passed in.
 *
 * A dependency on an id that no session has is allowed: the session waits until that id is marked as completed.
 *
 * @example
 * const graph = new DependencyGraph(group.sessions)
 * for (const session of graph.getReadySessions()) {
 *   graph.markStarted(session.id)
 *   start(session) // Calls graph.markCompleted or graph.markFailed at its end, and then the same loop again.
 * }
 */
export declare class DependencyGraph<
  Session extends Pick<GroupSession, 'id' | 'dependsOn' | 'status'> = GroupSession,
> {
  /**
   * Creates a graph. Throws {@link CircularDependencyError} if sessions depend on each other in a circle or on themselves,
   * `INVALID_GROUP` if two have the same id, and `INVALID_ARGUMENT`, whose `field` is the path of the invalid value.
   *
   * @param sessions Sessions in the group's order.
   */
  constructor(sessions: readonly Session[])

  /** Returns `false`: the constructor throws if there are cycles. */
  hasCycles(): boolean

  /**
   * Returns the sessions that can start now: they are pending, all their dependencies have completed, and they have not been
   * marked. The session with the longest chain of sessions that depend on it comes first, because the group takes at least as
   * long as its longest chain. Sessions with equally long chains are in the group's order. Chains are those at the creation of
   * the graph, without sessions that had completed or failed by then.
   *
   * @example
   * const free = maxConcurrent - running.size
   * for (const session of graph.getReadySessions().slice(0, free)) start(session)
   */
  getReadySessions(): readonly Session[]

  /**
   * Marks a session as started: it is no longer ready. A completed or failed session counts as remaining again, for example when
   * it is retried. Throws `INVALID_ARGUMENT`.
   *
   * @param sessionId Id of the session.
   */
  markStarted(sessionId: string): void

  /**
   * Marks a session as completed. Takes time in proportion to the number of sessions that depend on it, as the other marks do.
   * An id that no session has is accepted, too: sessions that depend on it no longer wait for it. Throws `INVALID_ARGUMENT`.
   *
   * @param sessionId Id of the session.
   */
  markCompleted(sessionId: string): void

  /**
   * Marks a session as failed: sessions that depend on it cannot start unless it is marked as completed later. Throws
   * `INVALID_ARGUMENT`.
   *
   * @param sessionId Id of the session.
   */
  markFailed(sessionId: string): void

  /** Returns the number of sessions that have neither completed nor failed. */
  getRemainingCount(): number

  /** Returns the pending sessions whose dependencies have not all completed, in the group's order. */
  getBlockedSessions(): readonly BlockedSession<Session>[]

  /**
   * Returns the pending sessions that can never start, and the causes: failed sessions, and ids that no session has. If no
   * session is ready and none has started, these are all pending sessions.
   *
   * @example
   * for (const { session, because } of graph.unreachable())
   *   console.log(`${session.id} cannot start because of ${because.join(', ')}`)
   */
  unreachable(): readonly UnreachableSession<Session>[]

  /** Returns the ids of completed sessions, and of other ids marked so. The set changes with later marks. */
  getCompleted(): ReadonlySet<string>

  /** Returns the ids of failed sessions, and of other ids marked so. The set changes with later marks. */
  getFailed(): ReadonlySet<string>

  /**
   * Returns the ids of the remaining sessions in waves. Sessions of the first wave have started or are ready. Those of each
   * further wave are ready once all waves before it have completed. Sessions that can never start are left out.
   *
   * @example
   * // With web and cli depending on api, and docs on both:
   * graph.waves() // [['api'], ['web', 'cli'], ['docs']]
   */
  waves(): readonly (readonly string[])[]

  /**
   * Returns the ids of the chain of remaining sessions with the largest sum of weights. Each session depends on the one before
   * it. Even with unlimited concurrency, the group takes as long as this chain. Sessions that can never start are left out.
   * Throws `INVALID_ARGUMENT`.
   *
   * @param weights Weights of sessions by their ids, 0 or more, e.g. their expected durations. Others weigh 1.
   * @example
   * graph.criticalPath({ api: 10, web: 2, cli: 5 }) // ['api', 'cli', 'docs']
   */
  criticalPath(weights?: { readonly [sessionId: string]: number }): readonly string[]
}

/** Progress of a session. */
export interface SessionProgress {
  /** Id of the session. */
  readonly id: string
  /** Working directory of the session. */
  readonly projectPath: string
  /** Current status. */
  readonly status: SessionStatus
  /**
   * Cost of all runs in US dollars. Claude Code reports the cost of a turn at its end, so the current turn and killed turns
   * are not included.
   */
  readonly cost: number
  /** Tokens used by all runs; provisional until a turn ends. */
  readonly tokens: TokenUsage
  /** Number of distinct messages: the model's, and results of tools. */
  readonly messageCount: number
  /** Name of the tool that is running. */
  readonly currentTool?: string | undefined
  /** Start of the newest run, in ISO 8601. */
  readonly startedAt?: string | undefined
  /** Duration of all runs in milliseconds; for an active session, until now. */
  readonly durationMs?: number | undefined
}

/** Numbers of sessions by status, and totals of cost and tokens. */
export interface ProgressSummary {
  /** Number of completed sessions. */
  readonly completed: number
  /** Number of active sessions. */
  readonly running: number
  /** Number of pending and paused sessions. */
  readonly pending: number
  /** Number of failed sessions. */
  readonly failed: number
  /** Total cost in US dollars, summed exactly. */
  readonly totalCost: number
  /** Tokens used by all sessions. */
  readonly totalTokens: TokenUsage
  /** Time since the group's start in milliseconds, if it is known; for a group that has ended, until its end. */
  readonly elapsedTime?: number | undefined
}

/** Progress of a group. */
export interface GroupProgress extends ProgressSummary {
  /** Id of the group. */
  readonly groupId: string
  /** Number of sessions of the group: the sum of the four counts. */
  readonly totalSessions: number
  /** Tracked sessions, in the order in which they were first tracked. */
  readonly sessions: readonly SessionProgress[]
  /**
   * Estimated remaining time in milliseconds, not always an integer; absent before the first session has completed.
   * Sessions that can never start take no time.
   */
  readonly estimatedTimeRemaining?: number | undefined
}

/** Options of a {@link ClaudeStream}. */
export interface ClaudeStreamOptions {
  /**
   * Sessions that the run may have been forked from (`--fork-session`). Their cost before the fork is not part of the
   * forked session's cost.
   */
  readonly relatives?: readonly GroupSession[] | undefined
}

/** End of a process, as `child_process` reports it. */
export interface ProcessExit {
  /** Exit code; `null` if a signal ended the process. */
  readonly code: number | null
  /** Signal that ended the process, e.g. `SIGTERM`. */
  readonly signal?: string | null | undefined
}

/**
 * Selection of groups. They are filtered, then sorted, then paged. Keys that are not listed here, and keys whose value is
 * `null`, are ignored.
 */
export interface GroupFilter {
  /** Status of the groups. */
  readonly status?: GroupStatus | undefined
  /** Text that the groups' names contain; letter case and Unicode normal form are ignored. */
  readonly nameContains?: string | undefined
  /** Earliest creation time. */
  readonly since?: Date | string | undefined
  /** Maximum number of groups to return, 0 or more; `Infinity` for all. */
  readonly limit?: number | undefined
  /** Number of groups to skip, 0 or more. */
  readonly offset?: number | undefined
}

/** Order of groups. Ties are ordered by id. */
export interface GroupSort {
  /** Field to compare: names as `Intl.Collator('en')` does, times as instants. */
  readonly field: 'name' | 'createdAt' | 'updatedAt'
  /** Direction: `asc` returns the smallest or earliest first. */
  readonly direction: 'asc' | 'desc'
}

/** Preconditions of a save, at most one of them. */
export interface SaveOptions {
  /** Revision that must be stored. */
  readonly ifRevision?: string | undefined
  /** `true` if the group must not exist. */
  readonly ifAbsent?: boolean | undefined
}

/** Preconditions of a deletion. */
export interface DeleteOptions {
  /** Revision that must be stored. */
  readonly ifRevision?: string | undefined
}

/** Options of a {@link FileGroupRepository}. */
export interface FileGroupRepositoryOptions {
  /**
   * Durability of an acknowledged write. With `full` it survives a power failure, because it waits for fsync. With
   * `process` it survives the end of any process. @default 'full'
   */
  readonly durability?: 'full' | 'process' | undefined
  /**
   * Maximum time in milliseconds that a write waits while other processes hold the group's lock, 0 to 2,147,483,647.
   * Waiting behind writes of the same process does not count. @default 10_000
   */
  readonly lockTimeoutMs?: number | undefined
}

/** Problem that `verify` reports. */
export interface RepositoryProblem {
  /** Id of the group, or name of the entry. */
  readonly id: string
  /** File or directory. */
  readonly path: string
  /**
   * Kind of problem. `corrupt`: a file is not a group. `id_mismatch`: the group's id is not its directory's name.
   * `newer_schema`: a newer version wrote the group. `foreign_owner`: this user may not read it. `leftover`: an entry does
   * not belong to any group.
   */
  readonly kind: 'corrupt' | 'id_mismatch' | 'newer_schema' | 'foreign_owner' | 'leftover'
  /** Description of the problem. */
  readonly message: string
}

/** A group without its sessions, as `summaries` returns it: the fields that a list of groups shows. */
export interface GroupSummary {
  /** Identifier of the group. */
  readonly id: string
  /** Display name. */
  readonly name: string
  /** Form of the name used in the id. */
  readonly slug: string
  /** Current status. */
  readonly status: GroupStatus
  /** Creation time, in ISO 8601. */
  readonly createdAt: string
  /** Time of the last change, in ISO 8601. */
  readonly updatedAt: string
  /** Number of sessions: the sum of the four counts. */
  readonly totalSessions: number
  /** Number of completed sessions. */
  readonly completed: number
  /** Number of active sessions. */
  readonly running: number
  /** Number of pending and paused sessions. */
  readonly pending: number
  /** Number of failed sessions. */
  readonly failed: number
  /** Total cost of the sessions in US dollars, summed exactly. */
  readonly totalCost: number
  /** Tokens used by all sessions. */
  readonly totalTokens: TokenUsage
  /** Budget of the group in US dollars: its `config.maxBudgetUsd`. */
  readonly maxBudgetUsd: number
  /** Start, in ISO 8601. */
  readonly startedAt?: string | undefined
  /** End, in ISO 8601. */
  readonly completedAt?: string | undefined
  /** Description. */
  readonly description?: string | undefined
  /** The reason why the group is paused or failed, from the runner. */
  readonly cause?: GroupCause | undefined
  /** Of a running group in a FileGroupRepository: `true` if a runner has it, `false` if it has lost its runner. */
  readonly live?: boolean | undefined
}

/** The members of an `AbortSignal` that are used. */
export interface AbortSignalLike {
  /** `true` once it is aborted. */
  readonly aborted: boolean
  /** Adds a listener. */
  addEventListener(type: 'abort', listener: () => void): void
  /** Removes a listener. */
  removeEventListener(type: 'abort', listener: () => void): void
}

/** Options of `watch`. */
export interface WatchOptions {
  /** Id of the only group to watch. By default all groups are watched. */
  readonly id?: string | undefined
  /** `AbortSignal` that closes the watcher. */
  readonly signal?: AbortSignalLike | undefined
}

/** Options of `events`. */
export interface EventsOptions {
  /** `seq` of the event after which to begin, 0 or more. @default 0 */
  readonly after?: number | undefined
  /** `true` to wait for further events. @default false */
  readonly follow?: boolean | undefined
  /** `AbortSignal` that closes the iterator. */
  readonly signal?: AbortSignalLike | undefined
}

/** State of a group after a change, or when watching starts. */
export interface GroupChange {
  /** Id of the group. */
  readonly id: string
  /** Revision of the state, or `null` if the group was deleted or cannot be read. */
  readonly revision: string | null
  /** The group, or `null` if it was deleted or cannot be read. */
  readonly group: SessionGroup | null
  /** Reason why the group cannot be read: `CORRUPT`, `NEWER_SCHEMA`, `FOREIGN_OWNER` or `IO`. Absent otherwise. */
  readonly error?: SessionGroupsError
}

/** Calls a listener with changes, until it is closed. */
export interface Watcher {
  /** Stops at once. The listener is not called again, not even with changes that have already happened. */
  close(): void
  /** Keeps the process alive until the watcher is closed. By default it does not. */
  ref(): this
  /** Undoes `ref`. */
  unref(): this
}

/** `Symbol.asyncDispose`, if the library that TypeScript uses has it. */
type AsyncDispose = SymbolConstructor extends { readonly asyncDispose: infer Key extends symbol }
  ? Key
  : never

/**
 * Iterator over changes. Leaving a `for await` loop closes it, and so does the end of a block with `await using`. A pending
 * `next` keeps the process alive.
 */
export interface GroupChangeIterator extends Record<AsyncDispose, () => Promise<void>> {
  /** Waits for the next change. The iterator is done once it is closed. */
  next(): Promise<IteratorResult<GroupChange, undefined>>
  /** Closes the iterator. */
  return(value?: undefined): Promise<IteratorResult<GroupChange, undefined>>
  /** Returns the iterator itself. */
  [Symbol.asyncIterator](): this
}

/**
 * Iterator over the events of a group. Leaving a `for await` loop closes it, and so does the end of a block with
 * `await using`. A pending `next` keeps the process alive.
 */
export interface GroupFeedIterator extends Record<AsyncDispose, () => Promise<void>> {
  /** Waits for the next event. The iterator is done once there are no more events, or it is closed. */
  next(): Promise<IteratorResult<GroupFeedEvent, undefined>>
  /** Closes the iterator. */
  return(value?: undefined): Promise<IteratorResult<GroupFeedEvent, undefined>>
  /** Returns the iterator itself. */
  [Symbol.asyncIterator](): this
}

/** Fields to merge into a group; an optional field given as `undefined` is removed. */
export type GroupChanges = Partial<Omit<SessionGroup, 'id' | 'slug' | 'createdAt'>>

/** Fields to merge into a session; an optional field given as `undefined` is removed. */
export type SessionChanges = Partial<Omit<GroupSession, 'id'>>

/**
 * Storage of groups: the interface of `claude-code-agent`, for your own classes and mocks.
 * {@link FileGroupRepository} and {@link InMemoryGroupRepository} implement {@link GroupStore}, which has more methods.
 * `docs/from-claude-code-agent.md` lists every difference from the original.
 *
 * In both, every method except `watch` and `events` rejects with a {@link SessionGroupsError} and never throws; a call that rejects has
 * changed nothing, except with the code `NOT_DURABLE`. Any method can reject with `INVALID_ARGUMENT` for an argument of the
 * wrong type. In files, reading can fail with `CORRUPT`, `NEWER_SCHEMA`, `FOREIGN_OWNER` or `IO`, and writing with those and
 * `INSECURE_STORE`, `LOCK_TIMEOUT`, `NOT_COMMITTED` or `NOT_DURABLE`.
 *
 * Call the methods on the repository: `ids.map((id) => repository.findById(id))`, not `ids.map(repository.findById)`.
 */
export interface GroupRepository {
  /**
   * Returns a group, or `null` if it does not exist.
   *
   * @param id The group's id.
   */
  findById(id: string): Promise<SessionGroup | null>
  /**
   * Returns the groups of a status, ordered by id: the same as `list({ status })`. Rejects with `INVALID_FILTER`.
   *
   * @param status The status.
   */
  findByStatus(status: GroupStatus): Promise<readonly SessionGroup[]>
  /**
   * Returns the groups that match, by default ordered by id. Groups that cannot be read or parsed are skipped; `verify`
   * lists them. Rejects with `INVALID_FILTER`, and if this user may not read any of the groups.
   *
   * @param filter Selection of groups.
   * @param sort Order of groups.
   */
  list(filter?: GroupFilter, sort?: GroupSort): Promise<readonly SessionGroup[]>
  /**
   * Returns the number of groups that match; `limit` and `offset` are ignored. Rejects with `INVALID_FILTER`, and if
   * this user may not read any of the groups.
   *
   * @param filter Selection of groups.
   */
  count(filter?: GroupFilter): Promise<number>
  /**
   * Creates or replaces a whole group. Rejects with `INVALID_ID`, or with `INVALID_GROUP`, whose `field` is the path of the
   * wrong field.
   *
   * @param group The group.
   */
  save(group: SessionGroup): Promise<void>
  /**
   * Merges fields into one session and sets the group's `updatedAt`. Returns `false` if the group or the session does not
   * exist. Rejects with `INVALID_ARGUMENT` for a change of the session's `id`, with `INVALID_GROUP` if the result would not
   * be a group.
   *
   * @param groupId The group's id.
   * @param sessionId The session's id.
   * @param changes Fields to merge.
   */
  updateSession(groupId: string, sessionId: string, changes: SessionChanges): Promise<boolean>
  /**
   * Deletes a group and everything in its directory. Returns `false` if it does not exist.
   *
   * @param id The group's id.
   */
  delete(id: string): Promise<boolean>
}

/**
 * A {@link GroupRepository} with summaries, preconditions, updates of whole groups, watchers, the events of each group, and a
 * check of the whole store.
 */
export interface GroupStore extends GroupRepository {
  /**
   * Returns the groups that match, like `list`, but without their sessions. This takes a small part of the time of `list`, so
   * that a program can show a list of groups and refresh it every second.
   *
   * The objects belong to the caller. `totalCost` is the exact sum of what the sessions cost, `totalTokens` the sum of their
   * tokens, as a `ProgressAggregator` computes them. Rejects with `INVALID_FILTER`, and if this user may not read any of the
   * groups.
   *
   * @example
   * const newest = await repository.summaries({ limit: 20 }, { field: 'createdAt', direction: 'desc' })
   * for (const { name, completed, totalSessions, totalCost } of newest) {
   *   console.log(`${name}: ${completed} of ${totalSessions} sessions, $${totalCost.toFixed(2)}`)
   * }
   *
   * @param filter Selection of groups.
   * @param sort Order of groups.
   */
  summaries(filter?: GroupFilter, sort?: GroupSort): Promise<readonly GroupSummary[]>
  /**
   * Creates or replaces a whole group. Rejects with `INVALID_ID`, with `INVALID_GROUP`, whose `field` is the path of the wrong
   * field, or with `CONFLICT`, whose `actualRevision` is the revision found.
   *
   * @param group The group.
   * @param options Preconditions.
   */
  save(group: SessionGroup, options?: SaveOptions): Promise<void>
  /**
   * Deletes a group and everything in its directory. Returns `false` if it does not exist. Rejects with `CONFLICT`, whose
   * `actualRevision` is the revision found.
   *
   * @param id The group's id.
   * @param options Preconditions.
   */
  delete(id: string, options?: DeleteOptions): Promise<boolean>
  /**
   * Merges fields into the stored group, sets `updatedAt` and returns the result, or `null` if the group does not exist.
   * Unknown fields are stored unchanged. Rejects with `INVALID_ARGUMENT` for a change of `id`, `slug` or `createdAt`, with
   * `INVALID_GROUP` if the result would not be a group.
   *
   * @param id The group's id.
   * @param changes Fields to merge, or a synchronous function that returns them for the stored group. Calls in one process
   *   take turns. The function is called again with the newer group if another process wrote first; for the fourth call
   *   the group is locked for other processes. An error it throws rejects the promise unchanged.
   */
  update(
    id: string,
    changes: GroupChanges | ((group: SessionGroup) => GroupChanges),
  ): Promise<SessionGroup | null>
  /**
   * Returns the revision of a group, for `ifRevision`, or `null` if the group does not exist. Each stored state has its own
   * revision.
   *
   * Get the revision before you read the group, so that a change between the two is a `CONFLICT`. `update` with a function
   * does this by itself.
   *
   * @example
   * const revision = await repository.revision(id)
   * const group = await repository.findById(id)
   * if (revision !== null && group !== null) await repository.save(change(group), { ifRevision: revision })
   *
   * @param id The group's id.
   */
  revision(id: string): Promise<string | null>
  /** Reads the whole store and lists its problems. Changes no group. */
  verify(): Promise<readonly RepositoryProblem[]>
  /**
   * Calls a listener with the state of each group, and then after each change of a group by any process. Several quick
   * changes of a group may be reported as one. Unlike the other methods it throws: `INVALID_ARGUMENT`.
   *
   * The watcher does not keep the process alive unless its `ref` is called. An error that the listener throws is an uncaught
   * exception, as with `fs.watch`.
   *
   * @example
   * const watcher = repository.watch(({ id, group, error }) => {
   *   if (error) console.error(error.message)
   *   else console.log(id, group?.status ?? 'deleted')
   * })
   * // Later:
   * watcher.close()
   *
   * @param listener Called with each change, for the first time after `watch` has returned.
   * @param options The only group to watch, and a signal that closes the watcher.
   */
  watch(listener: (change: GroupChange) => void, options?: WatchOptions): Watcher
  /**
   * Returns an iterator over the state of each group, and then over the changes. Unlike the other methods it throws:
   * `INVALID_ARGUMENT`.
   *
   * @example
   * for await (const { group } of repository.watch({ id })) {
   *   if (group === null || isTerminalGroupStatus(group.status)) break
   * }
   *
   * @param options The only group to watch, and a signal that closes the iterator.
   */
  watch(options?: WatchOptions): GroupChangeIterator
  /**
   * Returns an iterator over the events of a group, by any process: each once and in the order of `seq`. A `feed_gap`
   * stands for events that are missing: those of a process that was killed before it wrote them, and those older than the
   * newest 8 to 16 MiB, which are kept.
   *
   * With `follow` it waits for further events. When the group is deleted it returns a `group_deleted`, whose `seq` is one
   * above that of the last event, and ends. It ends at once if the group does not exist. Unlike the other methods this one
   * throws: `INVALID_ARGUMENT`. `next` rejects with `CORRUPT` if the feed is not a file, `FOREIGN_OWNER` or `IO`; then the iterator ends.
   *
   * @example
   * for await (const event of repository.events(id, { follow: true })) {
   *   console.log(event.seq, event.type)
   *   if (event.type === 'group_completed' || event.type === 'group_failed') break
   * }
   *
   * @param id The group's id.
   * @param options Where to begin, whether to wait for further events, and a signal that closes the iterator.
   */
  events(id: string, options?: EventsOptions): GroupFeedIterator
}

/** A {@link GroupStore} on files. */
export interface FileGroupRepository extends GroupStore {}

/** A {@link GroupStore} in memory. */
export interface InMemoryGroupRepository extends GroupStore {}

/**
 * Returns an iterator over the events of a group in any repository, as {@link GroupStore.events} does. A repository that has
 * `events` is asked for them. A {@link GroupRunner} writes them for the classes of this package and for those that extend them; a
 * class that only wraps one should leave `events` out, because a reader of it waits for events that nobody writes. For a class
 * without it, the events that a {@link GroupRunner} of this process reports are kept in memory beside the repository object: the
 * newest 16 MiB of each group. Events that other processes have reported are a `feed_gap`.
 *
 * Throws `INVALID_ARGUMENT`. `next` rejects with what the repository rejects with.
 *
 * @example
 * const runner = new GroupRunner(undefined, repository)
 * const running = runner.run(id)
 * for await (const event of groupEvents(repository, id, { follow: true })) {
 *   console.log(event.seq, event.type)
 *   if (event.type === 'group_completed' || event.type === 'group_failed') break
 * }
 *
 * @param repository Repository of the group.
 * @param id The group's id.
 * @param options Where to begin, whether to wait for further events, and a signal that closes the iterator.
 */
export declare function groupEvents(
  repository: GroupRepository,
  id: string,
  options?: EventsOptions,
): GroupFeedIterator

/** Options of a group to create. */
export interface CreateGroupOptions {
  /** Display name. The group's id is made of it and of the time. */
  readonly name: string
  /** Description. */
  readonly description?: string | undefined
  /** Fields of the configuration that differ from {@link DEFAULT_GROUP_CONFIG}; one that is `undefined` does not. */
  readonly config?: { readonly [Key in keyof GroupConfig]?: GroupConfig[Key] | undefined } | undefined
}

/** Options of `removeSession`. */
export interface RemoveSessionOptions {
  /** `true` to remove the dependencies of other sessions on this one, too. @default false */
  readonly force?: boolean | undefined
}

/** The surroundings of a program, which tests replace. Every part has a default. */
export interface GroupContainer {
  /**
   * Clock of stored and emitted times. By default the time is `Date.now()`; in a {@link GroupRunner} without a `processManager`, it
   * is that of the machine, which fake timers do not replace. Timeouts do not depend on it.
   */
  readonly clock?:
    | {
        /** Returns the current time. */
        now(): Date
      }
    | undefined
  /** File system of a {@link ConfigGenerator}. By default it is that of the machine. */
  readonly fileSystem?: GroupFileSystem | undefined
  /**
   * Starts the processes of a {@link GroupRunner}. `claude` is then not looked for, project paths are not checked, a pause sends
   * `SIGTERM`, and an exit with the code 0 without any output counts as success. After a crash of the runner its processes are
   * not found again.
   */
  readonly processManager?: ProcessManager | undefined
}

/** File system of a {@link GroupContainer}. */
export interface GroupFileSystem {
  /** Reads a text file. */
  readFile(path: string): Promise<string>
  /** Writes a text file. */
  writeFile(path: string, content: string): Promise<void>
  /** Returns `true` if there is a file or a directory. */
  exists(path: string): Promise<boolean>
  /** Creates a directory. */
  mkdir(path: string, options?: { recursive?: boolean }): Promise<unknown>
}

/** Receiver of events, such as an `EventEmitter` of Node. */
export interface GroupEventEmitter {
  /** Takes an event. Its result is ignored. */
  // biome-ignore lint/suspicious/noExplicitAny: each emitter has types of its own, and a narrower parameter refuses them.
  emit(type: any, event: any): unknown
}

/**
 * Creates, changes and deletes groups of any {@link GroupRepository}. It checks what a repository does not: that dependencies
 * exist and form no circle, and that the status of a group may change. Each change emits at most one event, after the change
 * was stored.
 *
 * No change is lost when several are made at once. Where the repository has `update`, as a {@link GroupStore}, this holds for
 * changes by other managers and processes, too; otherwise for those of the managers in this realm that share the repository object.
 *
 * All methods reject with a {@link SessionGroupsError}, and with what the repository rejects with.
 *
 * @example
 * const manager = new GroupManager(undefined, new FileGroupRepository())
 * const group = await manager.createGroup({ name: 'Add logging', config: { maxBudgetUsd: 5 } })
 * await manager.addSession(group.id, {
 *   id: '001-api',
 *   projectPath: '/projects/api',
 *   prompt: 'Add logging to every request handler',
 *   status: 'pending',
 *   dependsOn: [],
 *   createdAt: new Date().toISOString(),
 * })
 */
export declare class GroupManager {
  /**
   * Creates a manager. Throws `INVALID_ARGUMENT`.
   *
   * @param container Surroundings, of which the manager uses the clock.
   * @param repository Repository of the groups.
   * @param eventEmitter Receiver of events.
   */
  constructor(
    container: GroupContainer | undefined,
    repository: GroupRepository,
    eventEmitter?: GroupEventEmitter | undefined,
  )

  /**
   * Creates a group without sessions and emits `group_created`. Its id is the time in UTC and the slug of its name, e.g.
   * `20260115-103000-add-logging`; `-2`, `-3` and so on are appended if the id is taken. The slug is at most 20 characters
   * long, and that of a name without ASCII letters and digits is `group`. Rejects with `INVALID_ARGUMENT` or `INVALID_GROUP`.
   *
   * @param options Name, description and configuration.
   */
  createGroup(options: CreateGroupOptions): Promise<SessionGroup>

  /**
   * Returns a group, or `null` if it does not exist.
   *
   * @param groupId Id of the group.
   */
  getGroup(groupId: string): Promise<SessionGroup | null>

  /**
   * Returns the groups that match, archived ones included.
   *
   * @param filter Selection of groups.
   */
  listGroups(filter?: GroupFilter): Promise<readonly SessionGroup[]>

  /**
   * Merges fields into a group; an optional field given as `undefined` is removed. Emits `group_completed` or `group_failed`
   * if the status changes to `completed` or `failed`. Rejects with `NOT_FOUND`, with `INVALID_TRANSITION` for a change of the
   * status of an archived or deleted group or of one that is being run, and with `INVALID_ARGUMENT` or `INVALID_GROUP`.
   *
   * @param groupId Id of the group.
   * @param updates Fields to merge. `updatedAt` is set by the clock.
   */
  updateGroup(
    groupId: string,
    updates: Partial<Omit<SessionGroup, 'id' | 'slug' | 'createdAt' | 'sessions'>>,
  ): Promise<SessionGroup>

  /**
   * Sets the status of a group to `archived`. Rejects as `updateGroup` does.
   *
   * @param groupId Id of the group.
   */
  archiveGroup(groupId: string): Promise<void>

  /**
   * Deletes a group and emits `group_deleted`. What a killed runner has left running of the group is ended first, which can
   * take some seconds. Rejects with `NOT_FOUND`, and with `ALREADY_RUNNING` while this process or another
   * one runs the group.
   *
   * @param groupId Id of the group.
   */
  deleteGroup(groupId: string): Promise<void>

  /**
   * Adds a session at the end. Rejects with `NOT_FOUND`, with `INVALID_GROUP` if the session is invalid or its id is taken,
   * with `INVALID_ARGUMENT` if it depends on a session that does not exist, and with a {@link CircularDependencyError}.
   *
   * @param groupId Id of the group.
   * @param session Session to add.
   */
  addSession(groupId: string, session: GroupSession): Promise<SessionGroup>

  /**
   * Removes a session. Rejects with `NOT_FOUND`, and with `INVALID_STATE` if other sessions depend on it, unless `force` is
   * `true`.
   *
   * @param groupId Id of the group.
   * @param sessionId Id of the session.
   * @param options Treatment of sessions that depend on it.
   */
  removeSession(groupId: string, sessionId: string, options?: RemoveSessionOptions): Promise<SessionGroup>

  /**
   * Merges fields into a session and returns it; an optional field given as `undefined` is removed. If `status` is among the
   * fields, emits `group_session_started` for `active`, `group_session_completed` for `completed`, and `group_session_failed`
   * for `failed`. Rejects as `addSession` does, and with `INVALID_TRANSITION` for a change of the status while the group is running.
   *
   * @param groupId Id of the group.
   * @param sessionId Id of the session.
   * @param updates Fields to merge.
   */
  updateSession(groupId: string, sessionId: string, updates: SessionChanges): Promise<GroupSession>
}

/** Files that a {@link ConfigGenerator} has generated for a session. */
export interface SessionConfigResult {
  /** Directory of the files. */
  readonly configDir: string
  /** Path of the generated CLAUDE.md. */
  readonly claudeMdPath?: string | undefined
  /** Path of the generated settings.json. */
  readonly settingsPath?: string | undefined
}

/** Error of a {@link ConfigGenerator}. `cause` is what the file system threw. */
export type ConfigGeneratorError =
  | {
      /** There is no such template. */
      readonly type: 'template_not_found'
      /** File or directory concerned. */
      readonly path: string
    }
  | {
      /** The template cannot be read. */
      readonly type: 'template_read_failed'
      /** File or directory concerned. */
      readonly path: string
      /** The error of the file system. */
      readonly cause: unknown
    }
  | {
      /** A file cannot be written. */
      readonly type: 'config_write_failed'
      /** File or directory concerned. */
      readonly path: string
      /** The error of the file system. */
      readonly cause: unknown
    }
  | {
      /** The template is invalid. */
      readonly type: 'invalid_template'
      /** Description of the error. */
      readonly message: string
    }
  | {
      /** A directory cannot be created. */
      readonly type: 'mkdir_failed'
      /** File or directory concerned. */
      readonly path: string
      /** The error of the file system. */
      readonly cause: unknown
    }

/** Result that has a value. */
export interface Ok<T, E> {
  /** The value. */
  readonly value: T
  /** Returns `true`. */
  isOk(): this is Ok<T, E>
  /** Returns `false`. */
  isErr(): this is Err<T, E>
}

/** Result that has an error. */
export interface Err<T, E> {
  /** The error. */
  readonly error: E
  /** Returns `false`. */
  isOk(): this is Ok<T, E>
  /** Returns `true`. */
  isErr(): this is Err<T, E>
}

/** A value or an error, in the shape that the package `neverthrow` has. */
export type Result<T, E> = Ok<T, E> | Err<T, E>

/**
 * Generates the configuration files of sessions as `claude-code-agent` does: CLAUDE.md from a template, and settings.json.
 * A session that is run by this package does not need it.
 *
 * All files go through the container's file system, if it has one. Otherwise files are readable by their owner alone.
 *
 * @example
 * const generator = new ConfigGenerator(undefined)
 * const result = await generator.generateSessionConfig(session, group)
 * if (result.isErr()) throw new Error(result.error.type)
 * console.log(result.value.claudeMdPath)
 */
export declare class ConfigGenerator {
  /**
   * Creates a generator. Throws `INVALID_ARGUMENT`.
   *
   * @param container Surroundings, of which the generator uses the file system.
   */
  constructor(container: GroupContainer | undefined)

  /**
   * Generates the files of a session in `$XDG_DATA_HOME/claude-code-agent/session-groups/{group}/sessions/{session}/claude-config`
   * (`~/.local/share` by default). The configuration is the session's own, or else the group's `sessionDefaults`.
   * Rejects with `INVALID_ARGUMENT` for a session or a group that is not an object.
   *
   * @param session Session to generate files for.
   * @param group Its group.
   */
  generateSessionConfig(
    session: GroupSession,
    group: SessionGroup,
  ): Promise<Result<SessionConfigResult, ConfigGeneratorError>>

  /**
   * Replaces `{{name}}` in a template by the values of variables. A variable without a value stays as it is, and what looks
   * like a variable in a value, too. `\{{` stands for two braces. Throws `INVALID_ARGUMENT`.
   *
   * @param template Text of the template.
   * @param variables Values by the names of variables.
   */
  generateClaudeMd(template: string, variables: { readonly [name: string]: string }): string

  /**
   * Returns a copy of settings. Throws `INVALID_ARGUMENT`.
   *
   * @param overrides Settings.
   */
  generateSettings(overrides: { readonly [key: string]: unknown }): object

  /**
   * Reads a template: the file itself if the path begins with `/` or `./`, otherwise the file of that name in
   * `$XDG_CONFIG_HOME/claude-code-agent/templates` (`~/.config` by default). Rejects with `INVALID_ARGUMENT`.
   *
   * @param templatePath Path or name of the template.
   */
  resolveTemplate(templatePath: string): Promise<Result<string, ConfigGeneratorError>>
}

/** Reason of a pause, as `claude-code-agent` names it. The group's `cause` has the exact one. */
export type PauseReason = 'manual' | 'budget_exceeded' | 'error_threshold'

/**
 * State of a {@link GroupRunner}: `idle` before its first run, then that of its newest run. `completed` means that the run has
 * ended, also of a group that has failed: the group's status tells which.
 */
export type RunnerState = 'idle' | 'running' | 'paused' | 'stopped' | 'completed'

/** A process that a {@link ProcessManager} has started. Each property is read once. */
export interface ManagedProcess {
  /** Id of the process. */
  readonly pid: number
  /** Lines of the output, without their newlines. */
  readonly stdout: AsyncIterable<string>
  /** Lines of the error output, without their newlines. */
  readonly stderr: AsyncIterable<string>
  /** Exit code; `null` if a signal ended the process. */
  readonly exitCode: Promise<number | null>
  /** Sends a signal, by default `SIGTERM`. */
  kill(signal?: 'SIGTERM' | 'SIGKILL'): unknown
}

/** Starts processes in place of the runner: in tests, or on a special host. */
export interface ProcessManager {
  /** Starts a program. An error that it throws fails the session. */
  spawn(
    command: string,
    args: string[],
    options: {
      /** Working directory. */
      readonly cwd?: string
      /** Variables to add to the environment. */
      readonly env?: Record<string, string>
      /** Text for the standard input, which is closed after it. */
      readonly stdin?: string
    },
  ): ManagedProcess
}

/** Options of a run. The first four are written into the group's `config` when the run starts. */
export interface RunOptions {
  /** Maximum number of sessions that run at the same time, 1 or more. */
  readonly maxConcurrent?: number | undefined
  /** `false` to ignore `dependsOn`. */
  readonly respectDependencies?: boolean | undefined
  /** `false` to go on after any number of failures. */
  readonly pauseOnError?: boolean | undefined
  /** Number of failed sessions that pauses the group, 1 or more. */
  readonly errorThreshold?: number | undefined
  /** Has no effect: sessions with a conversation are always resumed. It exists for programs of `claude-code-agent`. */
  readonly resume?: boolean | undefined
  /** Pauses the group when it is aborted, as `pause` does. */
  readonly signal?: AbortSignalLike | undefined
  /** Path of `claude`. By default `SESSION_GROUPS_CLAUDE`, then a search of `PATH`. */
  readonly claudePath?: string | undefined
  /**
   * Directory for the output of sessions where the repository has none, by default `session-groups/runs/{group}` in
   * `XDG_STATE_HOME`.
   */
  readonly workDir?: string | undefined
  /** The smallest amount in US dollars that is worth a start, 0 or more. @default 0.05 */
  readonly minReservationUsd?: number | undefined
  /** Ids of sessions whose earlier process has ended although the runner cannot find out, as on another machine. */
  readonly assumeDead?: readonly string[] | undefined
  /** Names of environment variables that `config.env` may set although they are reserved, e.g. `ANTHROPIC_BASE_URL`. */
  readonly allowEnv?: readonly string[] | undefined
  /**
   * Processes that may outlive the session that started them, such as build daemons: those whose command line contains one of
   * these texts.
   */
  readonly keepProcesses?: readonly string[] | undefined
  /** Ids of the only sessions to run; none for an empty array. An unknown id is an `INVALID_ARGUMENT`, as in all options that name sessions. */
  readonly only?: readonly string[] | undefined
  /** Ids of sessions not to run. If only such sessions are left, the group is paused. */
  readonly skip?: readonly string[] | undefined
  /** `false` to pause the group at a usage limit instead of waiting for its end. @default true */
  readonly waitForLimits?: boolean | undefined
  /**
   * Time within which at most four sessions start, in milliseconds, 0 or more; 0 for no such limit, which is the default with a
   * `processManager`.
   * @default 500
   */
  readonly startSpacingMs?: number | undefined
  /** Time for background work after a session's result, in milliseconds, 0 or more. @default 60000 */
  readonly backgroundGraceMs?: number | undefined
  /**
   * Maximum size of a session's output in bytes, 1 or more. At most half of the process's limit for files (`ulimit -f`) is used.
   * @default 268435456
   */
  readonly maxOutputBytes?: number | undefined
  /** Time for an interrupted session to end its turn, in milliseconds, 0 or more. It is terminated then. @default 5000 */
  readonly interruptGraceMs?: number | undefined
  /** Time for a terminated session to exit, in milliseconds, 0 or more. It is killed then. @default 10000 */
  readonly terminateGraceMs?: number | undefined
  /** Time for a session to exit after its last turn, in milliseconds, 0 or more. It is terminated then. @default 10000 */
  readonly exitGraceMs?: number | undefined
  /** Seed of the random part of waiting times: an integer of 0 or more. By default it differs in each run. */
  readonly seed?: number | undefined
}

/** Options of {@link GroupRunner.pause}. */
export interface PauseOptions {
  /** `true` to let running sessions finish. */
  readonly drain?: boolean | undefined
}

/** Options of {@link GroupRunner.resume}. */
export interface ResumeOptions {
  /** The group's new budget in US dollars, 0 or more. */
  readonly budget?: number | undefined
}

/** Options of {@link GroupRunner.stop}. */
export interface StopOptions {
  /** `true` to terminate running sessions without interrupting them first. */
  readonly now?: boolean | undefined
}

/** Options of {@link GroupRunner.retry}. */
export interface RetryOptions {
  /** Ids of the failed sessions to run again. By default all of them. */
  readonly sessions?: readonly string[] | undefined
  /** `true` to begin new conversations. */
  readonly fresh?: boolean | undefined
}

/** A session of an {@link ExecutionPlan}. */
export interface PlannedSession {
  /** Id of the session. */
  readonly id: string
  /** Number of the wave in which it starts, from 0. */
  readonly wave: number
  /** The program and its arguments. */
  readonly command: readonly string[]
  /** Working directory. */
  readonly cwd: string
  /** Share of the budget that it starts with, in US dollars. Absent if it starts without a cap. */
  readonly shareUsd?: number | undefined
}

/** The plan of a run: what it would start, in which order, with which share of the budget. */
export interface ExecutionPlan {
  /** Id of the group. */
  readonly groupId: string
  /** Ids of sessions by waves. The sessions of a wave can start once those of the waves before it have completed. */
  readonly waves: readonly (readonly string[])[]
  /** The sessions that would start, in the order of their starts. */
  readonly sessions: readonly PlannedSession[]
  /** Sessions that cannot start, with the ids of the sessions that they wait for in vain. */
  readonly unreachable: readonly {
    /** Id of the session. */
    readonly session: string
    /** Ids of sessions that failed or do not exist. */
    readonly because: readonly string[]
  }[]
  /** Time that the run would take, in milliseconds. Absent if no session of the group has completed yet. */
  readonly estimatedMs?: number | undefined
  /** Things to know before the start, e.g. sessions that share a directory. */
  readonly warnings: readonly string[]
}

/**
 * Runs the sessions of a group with Claude Code: in the order of their dependencies, within the group's budget, and never the
 * same session twice at a time. It can be paused and resumed, survives crashes, and reports what happens. The guide to it is
 * `docs/running.md`.
 *
 * A runner runs one group at a time. Several runners may run different groups at the same time. It keeps the process alive
 * while a run goes on.
 *
 * @example
 * const runner = new GroupRunner(undefined, new FileGroupRepository())
 * runner.on('group_session_completed', ({ sessionId }) => console.log(`${sessionId} has completed`))
 * await runner.run('20260115-103000-auth', { maxConcurrent: 2 })
 * console.log(runner.getState(), runner.getProgress()?.totalCost)
 */
export declare class GroupRunner {
  /**
   * Creates a runner. Throws `INVALID_ARGUMENT`.
   *
   * @param container Clock and process manager, for tests and special hosts.
   * @param repository Storage of the groups. One of your own needs the methods of {@link GroupRepository}; if it has `update`
   *   as well, concurrent changes by others are kept.
   * @param eventEmitter Receives every event, before the handlers that were added by `on`.
   */
  constructor(
    container: GroupContainer | undefined,
    repository: GroupRepository,
    eventEmitter?: GroupEventEmitter,
  )

  /**
   * Runs a group until it has completed, failed, or been paused or stopped, which is then its stored status. A group that a
   * runner was running when it crashed is taken up: sessions that still run are adopted, others are resumed.
   *
   * Rejects with `INVALID_STATE` if this runner is running, `ALREADY_RUNNING` if another one runs the group, `NOT_FOUND`,
   * `INVALID_TRANSITION`, {@link CircularDependencyError}, `INVALID_TEMPLATE`, `CLAUDE_NOT_FOUND`, `CLAUDE_TOO_OLD`,
   * `INSECURE_STORE`, `INVALID_ARGUMENT`, and with `UNSUPPORTED` on Windows. Nothing has been started then. Also rejects if the
   * group is deleted, if the repository fails for a minute, and with `IO` if the output of a session cannot be written, or cannot
   * be read for a minute.
   *
   * @param group Id of the group, or the group. Of a group that is stored only the id is used; one that is not is saved first.
   * @param options Options of the run.
   */
  run(group: string | SessionGroup, options?: RunOptions): Promise<void>

  /**
   * Pauses the group: running sessions are interrupted and can be resumed. Fulfilled once the run has ended: the group is then
   * stored as paused or, if its last sessions ended meanwhile, as completed or failed. Rejects with `INVALID_STATE` if this
   * runner is not running, and with what `run` rejects with.
   *
   * @param reason Reason that the group and `getPauseReason` report. @default 'manual'
   * @param options Whether running sessions finish first.
   */
  pause(reason?: PauseReason, options?: PauseOptions): Promise<void>

  /**
   * Runs the paused group again, with the options of the last run. A `signal` among them that is aborted by now is ignored.
   * Fulfilled and rejected like `run`. Rejects with `INVALID_STATE` if this runner is not paused.
   *
   * @param options A new budget.
   */
  resume(options?: ResumeOptions): Promise<void>

  /**
   * Stops the group: running sessions are interrupted and the group fails with the cause `stopped`. `run` and `retry` take it
   * up again. Fulfilled once the run has ended, as with `pause`. Rejects with `INVALID_STATE` if this runner is neither running
   * nor paused, and with what `run` rejects with.
   *
   * @param options Whether running sessions are terminated at once.
   */
  stop(options?: StopOptions): Promise<void>

  /**
   * Runs failed sessions of a group again, with the options of the last run if that was of the same group; its `signal` is
   * ignored if it is aborted by now. Fulfilled and rejected like `run`. If this runner is running the group, the run goes on with
   * them, and this is fulfilled at once. If another process is running the group, requests it from that one and is fulfilled
   * once that has acted, or after ten seconds; if its run is just ending, this runner runs the sessions.
   *
   * @param id Id of the group.
   * @param options The sessions, and whether they begin new conversations.
   */
  retry(id: string, options?: RetryOptions): Promise<void>

  /**
   * Returns what `run` would do, without starting or storing anything. Rejects like `run`.
   *
   * @param group Id of the group, or the group itself, stored or not.
   * @param options Options of the run.
   */
  plan(group: string | SessionGroup, options?: RunOptions): Promise<ExecutionPlan>

  /**
   * Returns the progress of the group of the newest run, during the run and after it. `null` before the first run, and until a
   * run has read its group.
   */
  getProgress(): GroupProgress | null

  /** Returns the state of the runner. */
  getState(): RunnerState

  /** Returns the reason of the pause, or `null` if the runner is not paused. */
  getPauseReason(): PauseReason | null

  /**
   * Adds a handler for a type of events. Handlers are called in the order of the events, after what an event reports has been
   * stored. A handler that throws stops nothing: its error is reported once as a warning of the process.
   *
   * @param type Type of the events.
   * @param handler Called with each event.
   */
  on<Type extends GroupFeedEventType>(type: Type, handler: (event: GroupFeedEventMap[Type]) => unknown): this

  /**
   * Removes a handler.
   *
   * @param type Type of the events.
   * @param handler The handler that was added.
   */
  off<Type extends GroupFeedEventType>(type: Type, handler: (event: GroupFeedEventMap[Type]) => unknown): this

  /**
   * Adds a handler for the next event of a type.
   *
   * @param type Type of the event.
   * @param handler Called with the event.
   */
  once<Type extends GroupFeedEventType>(
    type: Type,
    handler: (event: GroupFeedEventMap[Type]) => unknown,
  ): this
}

/** Options of {@link control}. */
export interface ControlOptions {
  /** Ids of the sessions concerned. By default the whole group. */
  readonly sessions?: readonly string[] | undefined
  /** With `pause` and `stop`: `true` to let running sessions finish. */
  readonly drain?: boolean | undefined
  /** With `stop`: `true` to terminate running sessions without interrupting them first. */
  readonly now?: boolean | undefined
  /** With `retry`: `true` to begin new conversations. */
  readonly fresh?: boolean | undefined
  /** The group's new budget in US dollars, 0 or more. It is stored with the request, whichever that is. */
  readonly budget?: number | undefined
  /** Reason, as text for people. */
  readonly reason?: string | undefined
  /** Author of the request. */
  readonly by?: string | undefined
  /** Maximum time to wait until a live runner has acted, in milliseconds, 0 or more. @default 10000 */
  readonly waitMs?: number | undefined
  /** Directory for the output of sessions, as in the options of the run. */
  readonly workDir?: string | undefined
}

/**
 * Asks the runner of a group for something, in any process. The request is stored in the group, and the runner acts on it within
 * 200 ms, or within a second where the repository has no `watch`. A request that the runner has not acted on yet is waited for
 * first, for up to `waitMs`, or ten seconds if that is 0; then it is replaced.
 *
 * If the group has no runner, `pause` and `stop` are carried out by this call: sessions that a crashed runner left behind are
 * ended, and the status is stored. `resume` and `retry` then reject with `INVALID_STATE`: use {@link GroupRunner.run} or
 * {@link GroupRunner.retry}. A new budget is stored all the same.
 *
 * Returns `true` once the runner has acted, `false` if it has not within `waitMs`; it will. Sessions that are interrupted may
 * still run for a moment. Rejects with `NOT_FOUND`, `INVALID_STATE`, `INVALID_TRANSITION`, `INVALID_ARGUMENT`, and like the
 * repository.
 *
 * @example
 * await control(repository, id, 'pause', { drain: true, reason: 'deployment' })
 *
 * @param repository Storage of the group.
 * @param id Id of the group.
 * @param request The request.
 * @param options Sessions and details.
 */
export declare function control(
  repository: GroupRepository,
  id: string,
  request: 'pause' | 'resume' | 'stop' | 'retry',
  options?: ControlOptions,
): Promise<boolean>

/**
 * Error of this package, with a `code`:
 *
 * | code | when |
 * |---|---|
 * | `INVALID_ARGUMENT` | an argument of the wrong type or range |
 * | `INVALID_ID` | `save` of a group with an id that is not allowed |
 * | `INVALID_GROUP` | `save` or `update` of something that is not a `SessionGroup` |
 * | `INVALID_FILTER` | a filter or sort of a wrong type or range |
 * | `INVALID_EVENT` | a text that is not an event |
 * | `CORRUPT` | a stored file is not a `SessionGroup`; it is not changed |
 * | `FOREIGN_OWNER` | a stored file or the store belongs to another user: who, and how to change it |
 * | `CONFLICT` | a precondition did not hold |
 * | `LOCK_TIMEOUT` | other processes held the group's lock for longer than `lockTimeoutMs` |
 * | `NEWER_SCHEMA` | a newer version wrote the stored group: it can be read, not written |
 * | `INSECURE_STORE` | everyone may write to the base directory: writes are refused, reads work |
 * | `NOT_COMMITTED` | the write failed: nothing changed |
 * | `NOT_DURABLE` | the change is visible, but fsync failed |
 * | `IO` | reading failed, or writing the output of a session |
 * | `NOT_FOUND` | there is no such group or session |
 * | `INVALID_STATE` | the call is not possible now |
 * | `INVALID_TRANSITION` | the change of the status is not possible now |
 * | `ALREADY_RUNNING` | the group is being run: by which process |
 * | `CIRCULAR_DEPENDENCY` | sessions depend on each other in a circle: a {@link CircularDependencyError} |
 * | `INVALID_TEMPLATE` | a template cannot be used: file, line and variable |
 * | `CLAUDE_NOT_FOUND` | there is no program `claude`: where it was looked for |
 * | `CLAUDE_TOO_OLD` | the version of Claude Code lacks an option |
 * | `UNSUPPORTED` | not possible on this platform or with this repository |
 * | `INTERNAL` | a bug of this package, caught before it could end the process |
 */
export interface SessionGroupsError extends Error {
  /** Code of the error. */
  readonly code: SessionGroupsErrorCode
  /** Id of the group concerned. */
  readonly groupId?: string
  /** File or directory concerned. */
  readonly path?: string
  /** Path of the invalid field, e.g. `sessions[2].status`. */
  readonly field?: string
  /** Stored revision, for `CONFLICT`; `null` if the group does not exist. */
  readonly actualRevision?: string | null
}

/** Code of an error; the table at {@link SessionGroupsError} describes each. */
export type SessionGroupsErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_ID'
  | 'INVALID_GROUP'
  | 'INVALID_FILTER'
  | 'INVALID_EVENT'
  | 'CORRUPT'
  | 'FOREIGN_OWNER'
  | 'CONFLICT'
  | 'LOCK_TIMEOUT'
  | 'NEWER_SCHEMA'
  | 'INSECURE_STORE'
  | 'NOT_COMMITTED'
  | 'NOT_DURABLE'
  | 'IO'
  | 'NOT_FOUND'
  | 'INVALID_STATE'
  | 'INVALID_TRANSITION'
  | 'ALREADY_RUNNING'
  | 'CIRCULAR_DEPENDENCY'
  | 'INVALID_TEMPLATE'
  | 'CLAUDE_NOT_FOUND'
  | 'CLAUDE_TOO_OLD'
  | 'UNSUPPORTED'
  | 'INTERNAL'

/** The class {@link SessionGroupsError}. */
export interface SessionGroupsErrorConstructor {
  /** Creates an error of your own repository. */
  new (
    message: string,
    about: {
      readonly code: SessionGroupsErrorCode
      readonly groupId?: string | undefined
      readonly path?: string | undefined
      readonly field?: string | undefined
      readonly actualRevision?: string | null | undefined
      readonly cause?: unknown
    },
  ): SessionGroupsError
  /** Prototype of all instances. */
  readonly prototype: SessionGroupsError
}

/** Class of the errors of this package. */
export declare const SessionGroupsError: SessionGroupsErrorConstructor

/**
 * Error of dependencies that form a circle. Its `code` is `CIRCULAR_DEPENDENCY`.
 *
 * @example
 * try {
 *   new DependencyGraph(group.sessions)
 * } catch (error) {
 *   if (!(error instanceof CircularDependencyError)) throw error
 *   for (const cycle of error.cycles) console.error([...cycle, cycle[0]].join(' depends on '))
 * }
 */
export declare class CircularDependencyError extends SessionGroupsError {
  /** Creates an error of your own check. */
  constructor(
    message: string,
    about: {
      readonly cycles: readonly (readonly string[])[]
      readonly groupId?: string | undefined
      readonly path?: string | undefined
      readonly cause?: unknown
    },
  )
  /** Code of the error. */
  readonly code: 'CIRCULAR_DEPENDENCY'
  /** The first of `cycles`. */
  readonly cycle: readonly string[]
  /**
   * Ids of the sessions of each cycle. Each session depends on the next, and the last on the first. Cycles that share sessions or
   * depend on each other count as one, and the shortest of them is here.
   */
  readonly cycles: readonly (readonly string[])[]
}

/**
 * Reads the output of `claude -p PROMPT --output-format stream-json --verbose` and tracks the session's progress. A stream
 * is for one run. To resume a session, create a new stream from the session as it is stored.
 *
 * Cost and tokens are those of all runs of the session, and never decrease. The counter that Claude Code prints is not
 * the session's total: depending on version, kills, `/clear` and forks it starts from zero or from an earlier
 * counter. The next run's stream needs `changes.usageCounters` to distinguish these cases, so store all of
 * `changes`.
 *
 * @example
 * const stream = new ClaudeStream(session)
 * const closed = once(claude, 'close') // of node:events
 * for await (const chunk of claude.stdout) if (stream.push(chunk)) show(stream.progress)
 * const [code, signal] = await closed
 * stream.end({ code, signal })
 * await repository.updateSession(group.id, session.id, stream.changes)
 */
export declare class ClaudeStream {
  /**
   * Creates a reader for one run. Throws `INVALID_ARGUMENT`, whose `field` is the path of the invalid value.
   *
   * @param session Session as it is stored, with its cost and tokens so far and the `claudeSessionId` to resume.
   * @param options Sessions that the run may have been forked from.
   */
  constructor(session: GroupSession, options?: ClaudeStreamOptions)
  /**
   * Reads the next piece of output, which may end anywhere. Returns `true` if `progress` or `changes` changed. Takes
   * time in proportion to the chunk. Nothing in the output makes it throw, but a chunk that is neither a string nor
   * a `Uint8Array` does: `INVALID_ARGUMENT`.
   *
   * @param chunk A string or UTF-8 bytes. A line longer than 64 MiB is dropped and counted.
   */
  push(chunk: string | Uint8Array): boolean
  /**
   * Ends the run; later calls of `push` do nothing. The session has completed if its last result was a success and no
   * turn began after it: a signal or a non-zero exit code after that becomes its `warning`. Otherwise it has failed,
   * and `error` says why. Throws `INVALID_ARGUMENT`.
   *
   * @param exit The exit code and the signal, as `child_process` reports them.
   */
  end(exit?: ProcessExit): void
  /** The session's progress. */
  get progress(): SessionProgress
  /**
   * The fields of the session that the run has changed so far, ready for `updateSession` of a repository: `status`,
   * `claudeSessionId`, `startedAt`, `completedAt`, `cost`, `tokens`, `runMs`, `error`, `deniedTools` and
   * `usageCounters`, as far as they are known. A field that is `undefined` is to be removed.
   */
  get changes(): SessionChanges
  /** Reason why the session failed. `undefined` unless it has. */
  get error(): string | undefined
  /**
   * Warning about a completed session: a signal or a non-zero exit code after its successful result, or tools whose use
   * was refused. `undefined` if there is none.
   */
  get warning(): string | undefined
  /**
   * Names of the tools whose use was refused in this run, each once. Allow them with `--allowedTools` or
   * `--permission-mode`.
   */
  get deniedTools(): readonly string[]
  /** Number of lines that are not JSON objects, of an unknown type, or too long. */
  get ignoredLines(): number
}

/**
 * Stores groups in files, `{baseDir}/{id}/meta.json`, which several processes may share. An acknowledged write is durable,
 * any other write is either complete or absent, and no write undoes another.
 */
export declare class FileGroupRepository {
  /**
   * Creates a repository in a base directory. Creates no file before the first write. Throws `INVALID_ARGUMENT`.
   *
   * @param baseDir Base directory, by default `.local/claude-code-agent/session-groups` in the home directory
   *   (`process.env.HOME`, on Windows `USERPROFILE`). A relative path is resolved at once.
   * @param options Durability and the timeout of locks.
   */
  constructor(baseDir?: string, options?: FileGroupRepositoryOptions)

}

/** Stores groups in memory, for tests. It behaves like the repository of files, but nothing is durable. */
export declare class InMemoryGroupRepository {
  /** Creates an empty repository. */
  constructor()
  /** Deletes all groups. */
  clear(): void

}

/** Tracks the progress of the sessions of a group and sums it up. Money is summed exactly: ten sessions at 0.1 are 1. */
export declare class ProgressAggregator {
  /**
   * Creates an aggregator without sessions. Throws `INVALID_ARGUMENT`.
   *
   * @param groupStartTime Start of the group in Unix milliseconds, for `elapsedTime`.
   */
  constructor(groupStartTime?: number)
  /**
   * Tracks a session, or replaces its progress. Throws `INVALID_ARGUMENT`, whose `field` is the path of the invalid
   * value.
   *
   * @param progress Progress of the session.
   */
  updateSession(progress: SessionProgress): void
  /**
   * Stops tracking a session. Does nothing if it is not tracked.
   *
   * @param id Id of the session.
   */
  removeSession(id: string): void
  /** Stops tracking all sessions. */
  clear(): void
  /**
   * Returns the progress of a session, or `undefined` if it is not tracked.
   *
   * @param id Id of the session.
   */
  getSessionProgress(id: string): SessionProgress | undefined
  /** Returns all tracked sessions, in the order in which they were first tracked. */
  getAllSessions(): readonly SessionProgress[]
  /**
   * Returns the progress of a group. The tracked progress of a session takes precedence over its stored one. Money and
   * tokens are those of all tracked sessions and of the group's other sessions. Throws `INVALID_ARGUMENT`, whose `field`
   * is the path of the invalid value.
   *
   * `estimatedTimeRemaining` simulates the plan. Each session that has not ended takes the mean duration of the completed
   * ones and starts once its dependencies have completed (unless `config.concurrency.respectDependencies` is false). At
   * most `config.concurrency.maxConcurrent ?? config.maxConcurrentSessions` sessions run at a time.
   *
   * @param group Group as it is stored.
   */
  computeProgress(group: SessionGroup): GroupProgress
  /**
   * Returns the totals of the tracked sessions in constant time, for a budget check or an event after each message. Track
   * all sessions of the group first to get the totals of the group.
   *
   * @example
   * for (const session of group.sessions) aggregator.updateSession(createSessionProgress(session))
   * // From now on: aggregator.updateSession(stream.progress)
   * if (isBudgetExceeded(aggregator.summary().totalCost, group.config.maxBudgetUsd)) return
   */
  summary(): ProgressSummary
}

/**
 * Returns the used percentage of a budget, 0 to 100 and above, or 0 if `max` is 0 or less. Throws `INVALID_ARGUMENT` for a
 * value that is not a finite number.
 *
 * @param cost Amount spent, in US dollars.
 * @param max Budget in US dollars.
 */
export declare function calculateBudgetUsage(cost: number, max: number): number

/**
 * Returns `true` if the group can be resumed: `paused`. Returns `false` for an unknown status.
 *
 * @param status Status of the group.
 */
export declare function canResumeGroup(status: GroupStatus): boolean

/**
 * Returns the progress of a stored session. Throws `INVALID_ARGUMENT`, whose `field` is the path of the invalid value.
 *
 * @param session Session as it is stored.
 */
export declare function createSessionProgress(session: GroupSession): SessionProgress

/** Default budget. */
export declare const DEFAULT_BUDGET_CONFIG: BudgetConfig

/** Default limits of concurrency. */
export declare const DEFAULT_CONCURRENCY_CONFIG: ConcurrencyConfig

/** Default configuration of a group. */
export declare const DEFAULT_GROUP_CONFIG: GroupConfig

/** Default configuration of a session. */
export declare const DEFAULT_SESSION_CONFIG: SessionConfig

/**
 * Returns `true` if the group is running: `running`. Returns `false` for an unknown status.
 *
 * @param status Status of the group.
 */
export declare function isActiveGroup(status: GroupStatus): boolean

/**
 * Returns `true` if a cost has reached the budget: `cost >= max`. Throws `INVALID_ARGUMENT` for a value that is not a
 * finite number.
 *
 * @param cost Amount spent, in US dollars.
 * @param max Budget in US dollars.
 */
export declare function isBudgetExceeded(cost: number, max: number): boolean

/**
 * Returns `true` if a cost has reached the warning threshold of a budget: `cost >= max * threshold`. Throws
 * `INVALID_ARGUMENT` for a value that is not a finite number.
 *
 * @param cost Amount spent, in US dollars.
 * @param max Budget in US dollars.
 * @param threshold Warning threshold as a fraction of the budget, 0 to 1.
 */
export declare function isBudgetWarning(cost: number, max: number, threshold: number): boolean

/**
 * Returns `true` if the status ends a group: `completed`, `failed` or `deleted`, but not `archived`. Returns `false` for an
 * unknown status.
 *
 * @param status Status of the group.
 */
export declare function isTerminalGroupStatus(status: GroupStatus): boolean

/**
 * Parses an event from one line of JSON. Throws `INVALID_EVENT` for an unknown type, a missing field or a field of the wrong
 * type, whose path is `field`. Keeps unknown fields.
 *
 * @param text JSON object.
 */
export declare function parseGroupEvent(text: string): GroupEvent

/**
 * Parses an event of a feed from one line of JSON. Throws `INVALID_EVENT` for an unknown type, a missing field or a field of
 * the wrong type, whose path is `field`. Keeps unknown fields.
 *
 * @param text JSON object.
 */
export declare function parseGroupFeedEvent(text: string): GroupFeedEvent
