/** Where a session stands. */
export type SessionStatus = 'pending' | 'active' | 'paused' | 'completed' | 'failed'

/**
 * Where a group stands: `created` → `running` → `completed`, `failed` or `paused`; `paused` → `running`;
 * `completed` → `archived`; any → `deleted`. What follows what is up to your program, and is not checked.
 */
export type GroupStatus = 'created' | 'running' | 'paused' | 'completed' | 'failed' | 'archived' | 'deleted'

/** Tokens, counted in whole ones. */
export interface TokenUsage {
  /** Tokens the model read. */
  readonly input: number
  /** Tokens the model wrote. */
  readonly output: number
  /** Tokens read from the prompt cache; absent when none were. */
  readonly cacheRead?: number | undefined
  /** Tokens written to the prompt cache; absent when none were. */
  readonly cacheWrite?: number | undefined
}

/** Limits on the money of a group. */
export interface BudgetConfig {
  /** US dollars, 0 or more; of 0 nothing may be spent. @default 10 */
  readonly maxBudgetUsd: number
  /**
   * What to do when they are spent. `stop`: end the running sessions. `pause`: start no more. `warn`: go on.
   * @default 'pause'
   */
  readonly onBudgetExceeded: 'stop' | 'warn' | 'pause'
  /** The part of the budget, 0 to 1, from which on to warn. @default 0.8 */
  readonly warningThreshold: number
}

/** How many sessions are to run at once, and what is to stop them. */
export interface ConcurrencyConfig {
  /** Sessions at the same time, 1 or more. @default 3 */
  readonly maxConcurrent: number
  /** Whether a session waits for those it depends on. @default true */
  readonly respectDependencies: boolean
  /** Whether failures pause the group. @default true */
  readonly pauseOnError: boolean
  /** How many failures do, 1 or more. @default 2 */
  readonly errorThreshold: number
}

/** What your program is to generate for a session before it starts; the package only stores it. */
export interface SessionConfig {
  /** Whether to write a CLAUDE.md. @default true */
  readonly generateClaudeMd: boolean
  /** Whether to write a settings.json. @default false */
  readonly generateSettings: boolean
  /** A template's name or path. */
  readonly claudeMdTemplate?: string | undefined
  /** A part of settings.json. */
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

/** How a group runs. */
export interface GroupConfig extends BudgetConfig {
  /** The model's name or alias. @default 'sonnet' */
  readonly model: string
  /** Sessions at the same time, 1 or more. @default 3 */
  readonly maxConcurrentSessions: number
  /** Further arguments for the command-line program. */
  readonly additionalArgs?: readonly string[] | undefined
  /** Finer rules; its `maxConcurrent` wins over `maxConcurrentSessions`. */
  readonly concurrency?: ConcurrencyConfig | undefined
  /** For sessions without a `config` of their own. */
  readonly sessionDefaults?: SessionConfig | undefined
  /** `true` to never run two sessions of this group in one working directory at the same time, for the runner. @default false */
  readonly exclusiveDirectories?: boolean | undefined
}

/** One session of a group: a run of Claude Code in a directory. */
export interface GroupSession {
  /** Unique in its group, e.g. `001-auth-service`. */
  readonly id: string
  /** The directory the session works in. */
  readonly projectPath: string
  /** What it is asked to do. */
  readonly prompt: string
  /** Where it stands. */
  readonly status: SessionStatus
  /** Ids of the sessions of the same group that must complete first. A session with an id that is not there never starts. */
  readonly dependsOn: readonly string[]
  /** ISO 8601. */
  readonly createdAt: string
  /** The template it was made from. */
  readonly template?: string | undefined
  /** The id Claude Code gave it. */
  readonly claudeSessionId?: string | undefined
  /** When its newest run started, in ISO 8601. */
  readonly startedAt?: string | undefined
  /** When its newest run ended, in ISO 8601. */
  readonly completedAt?: string | undefined
  /** US dollars, 0 or more, over all runs of the session. */
  readonly cost?: number | undefined
  /** What it has used, over all its runs. */
  readonly tokens?: TokenUsage | undefined
  /** Overrides the group's `sessionDefaults`. */
  readonly config?: SessionConfig | undefined
  /** Milliseconds spent running, over all runs that ended. */
  readonly runMs?: number | undefined
  /** Reason why the session failed; removed when it runs again. */
  readonly error?: string | undefined
  /** Names of the tools whose use was refused in the newest run. */
  readonly deniedTools?: readonly string[] | undefined
  /** Usage counters of earlier runs, which {@link ClaudeStream} needs to account for later ones. Opaque: store it as it is. */
  readonly usageCounters?: { readonly [key: string]: unknown } | undefined
  /** Overrides the group's `model`, for the runner. */
  readonly model?: string | undefined
  /** US dollars this session may cost over all runs, 0 or more, for the runner. */
  readonly maxBudgetUsd?: number | undefined
  /** Maximum number of turns of a run, 1 or more, for the runner. */
  readonly maxTurns?: number | undefined
  /** Maximum running time in milliseconds, for the runner. */
  readonly timeoutMs?: number | undefined
  /** Maximum time without any progress in milliseconds, for the runner. */
  readonly stallTimeoutMs?: number | undefined
  /** Number of times a transient failure is retried, 0 or more, for the runner. */
  readonly retries?: number | undefined
  /** `true` to start the sessions that depend on this one even if it fails, for the runner. */
  readonly allowFailure?: boolean | undefined
  /** The newest attempts to run the session, at most 20, from the runner. */
  readonly attempts?: readonly Attempt[] | undefined
  /** Time at which a retry or the end of a usage limit is due, in ISO 8601, from the runner. */
  readonly waitsUntil?: string | undefined
  /** `true` if the plan file no longer contains the session, from the runner. */
  readonly dropped?: boolean | undefined
}

/** One process for a session, recorded by the runner. */
export interface Attempt {
  /** Number of the attempt, from 1. */
  readonly n: number
  /** The mark of the attempt's processes. */
  readonly uuid: string
  /** `fresh`: a new conversation. `resume`: an earlier one continues. */
  readonly how: 'fresh' | 'resume'
  /** Start, in ISO 8601. */
  readonly startedAt: string
  /** US dollars reserved for it. */
  readonly reservedUsd: number
  /** The conversation's id. */
  readonly claudeSessionId: string
  /** End, in ISO 8601. */
  readonly endedAt?: string | undefined
  /** US dollars spent. */
  readonly costUsd?: number | undefined
  /** `true` if the cost is an estimate, because a turn ended without a result. */
  readonly estimated?: boolean | undefined
  /** The outcome. */
  readonly outcome?:
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
    | undefined
  /** The error message of an attempt that did not complete. */
  readonly error?: string | undefined
  /** The process, recorded after its start. */
  readonly process?: ProcessIdentity | undefined
}

/** Identifies a process beyond the reuse of its pid. */
export interface ProcessIdentity {
  /** Process id. */
  readonly pid: number
  /** Start of the process as the system states it. */
  readonly startTime: string
  /** The boot of the machine. */
  readonly bootId: string
  /** The machine's name. */
  readonly host: string
}

/** A request to the runner of a group. */
export interface Control {
  /** The requested action. */
  readonly request: 'pause' | 'resume' | 'stop' | 'retry'
  /** Ids of the sessions it concerns; all when absent. */
  readonly sessions?: readonly string[] | undefined
  /** `true` to let running sessions finish. */
  readonly drain?: boolean | undefined
  /** `true` to terminate running sessions without an interrupt. */
  readonly now?: boolean | undefined
  /** `true` to begin a new conversation for retried sessions. */
  readonly fresh?: boolean | undefined
  /** The reason, for people. */
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

/** The plan file that a group was made from. */
export interface PlanSource {
  /** The file. */
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

/** Sessions that belong to one goal. */
export interface SessionGroup {
  /**
   * `YYYYMMDD-HHMMSS-{slug}`; in general 1 to 128 of `A-Z a-z 0-9 . _ -`, starting with a letter or a digit, not
   * ending with a dot, without `..`, and no device name of Windows.
   */
  readonly id: string
  /** For people. */
  readonly name: string
  /** The name as it stands in the id. */
  readonly slug: string
  /** Where it stands. */
  readonly status: GroupStatus
  /** In the order in which they are to start. */
  readonly sessions: readonly GroupSession[]
  /** How it runs. */
  readonly config: GroupConfig
  /** When it was made, in ISO 8601. */
  readonly createdAt: string
  /** When it was last changed, in ISO 8601. Repositories set it with each update, never to an earlier time. */
  readonly updatedAt: string
  /** For people. */
  readonly description?: string | undefined
  /** When it began to run, in ISO 8601. */
  readonly startedAt?: string | undefined
  /** When it ended, in ISO 8601. */
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
  /** The plan file that the group was made from. */
  readonly plan?: PlanSource | undefined
}

/** The field that every event has. Events of your own can extend it. */
export interface BaseEvent {
  /** Time of the event, in ISO 8601. */
  readonly timestamp: string
}

/** A group was made. */
export interface GroupCreatedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_created'
  /** The group it happened in. */
  readonly groupId: string
  /** The group's name. */
  readonly name: string
  /** The group's slug. */
  readonly slug: string
  /** Sessions in the group. */
  readonly totalSessions: number
}

/** A group began to run. */
export interface GroupStartedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_started'
  /** The group it happened in. */
  readonly groupId: string
  /** Sessions in the group. */
  readonly totalSessions: number
  /** Sessions that may run at the same time. */
  readonly maxConcurrent: number
}

/** All sessions of a group have ended. */
export interface GroupCompletedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_completed'
  /** The group it happened in. */
  readonly groupId: string
  /** Sessions that ended well. */
  readonly completedSessions: number
  /** Sessions that ended badly. */
  readonly failedSessions: number
  /** US dollars. */
  readonly totalCostUsd: number
  /** Milliseconds since the group's start. */
  readonly elapsedMs: number
}

/** A group was paused. */
export interface GroupPausedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_paused'
  /** The group it happened in. */
  readonly groupId: string
  /** Sessions that were running. */
  readonly runningSessions: number
  /** Who or what paused it. */
  readonly reason: 'manual' | 'budget_exceeded' | 'error_threshold'
  /** The exact reason, from the runner. */
  readonly cause?: GroupCause | undefined
}

/** A paused group runs again. */
export interface GroupResumedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_resumed'
  /** The group it happened in. */
  readonly groupId: string
  /** Sessions still to run. */
  readonly pendingSessions: number
}

/** A group was given up. */
export interface GroupFailedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_failed'
  /** The group it happened in. */
  readonly groupId: string
  /** Sessions that ended badly. */
  readonly failedSessions: number
  /** Why, for people. */
  readonly reason: string
}

/** A session began to run. */
export interface GroupSessionStartedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_session_started'
  /** The group it happened in. */
  readonly groupId: string
  /** The session. */
  readonly sessionId: string
  /** The directory it works in. */
  readonly projectPath: string
  /** What it is asked to do. */
  readonly prompt: string
}

/** A session ended. */
export interface GroupSessionCompletedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_session_completed'
  /** The group it happened in. */
  readonly groupId: string
  /** The session. */
  readonly sessionId: string
  /** How it ended. */
  readonly status: 'completed' | 'failed'
  /** Milliseconds it ran. */
  readonly durationMs: number
  /** US dollars. */
  readonly costUsd?: number | undefined
}

/** A session failed. */
export interface GroupSessionFailedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_session_failed'
  /** The group it happened in. */
  readonly groupId: string
  /** The session. */
  readonly sessionId: string
  /** Why, for people. */
  readonly error: string
  /** US dollars. */
  readonly costUsd?: number | undefined
}

/** The group's cost has reached `warningThreshold`. */
export interface BudgetWarningEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'budget_warning'
  /** The group it happened in. */
  readonly groupId: string
  /** US dollars spent. */
  readonly currentUsage: number
  /** US dollars allowed. */
  readonly limit: number
  /** 0 to 100 and above, as {@link calculateBudgetUsage} gives it. */
  readonly percentUsed: number
}

/** The group's cost has reached its budget. */
export interface BudgetExceededEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'budget_exceeded'
  /** The group it happened in. */
  readonly groupId: string
  /** US dollars spent. */
  readonly usage: number
  /** US dollars allowed. */
  readonly limit: number
  /** What happens now. */
  readonly action: 'stop' | 'warn' | 'pause'
}

/** A session waits for others. */
export interface DependencyWaitingEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'dependency_waiting'
  /** The group it happened in. */
  readonly groupId: string
  /** The session. */
  readonly sessionId: string
  /** All sessions it depends on. */
  readonly dependsOn: readonly string[]
  /** Those that have not completed yet. */
  readonly pendingDependencies: readonly string[]
}

/** What a session waited for has completed. */
export interface DependencyResolvedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'dependency_resolved'
  /** The group it happened in. */
  readonly groupId: string
  /** The session. */
  readonly sessionId: string
  /** The sessions it waited for. */
  readonly resolvedDependencies: readonly string[]
}

/** A session got on. */
export interface SessionProgressEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'session_progress'
  /** The group it happened in. */
  readonly groupId: string
  /** The session. */
  readonly sessionId: string
  /** Distinct messages so far. */
  readonly messageCount: number
  /** The tool that is running now. */
  readonly currentTool?: string | undefined
  /** US dollars. */
  readonly costUsd?: number | undefined
}

/** A group got on. */
export interface GroupProgressEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_progress'
  /** The group it happened in. */
  readonly groupId: string
  /** Sessions that ended well. */
  readonly completed: number
  /** Sessions that are running. */
  readonly running: number
  /** Sessions still to run. */
  readonly pending: number
  /** Sessions that ended badly. */
  readonly failed: number
  /** US dollars. */
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
  /** A group was made. */
  readonly group_created: GroupCreatedEvent
  /** A group began to run. */
  readonly group_started: GroupStartedEvent
  /** All sessions of a group have ended. */
  readonly group_completed: GroupCompletedEvent
  /** A group was paused. */
  readonly group_paused: GroupPausedEvent
  /** A paused group runs again. */
  readonly group_resumed: GroupResumedEvent
  /** A group was given up. */
  readonly group_failed: GroupFailedEvent
  /** A session began to run. */
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
  /** What a session waited for has completed. */
  readonly dependency_resolved: DependencyResolvedEvent
  /** A session got on. */
  readonly session_progress: SessionProgressEvent
  /** A group got on. */
  readonly group_progress: GroupProgressEvent
}

/** The types of events. */
export type GroupEventType = keyof GroupEventMap

/** Any event, told apart by `type`. */
export type GroupEvent = GroupEventMap[GroupEventType]

/** How far one session is. */
export interface SessionProgress {
  /** The session's id. */
  readonly id: string
  /** The directory it works in. */
  readonly projectPath: string
  /** Where it stands. */
  readonly status: SessionStatus
  /**
   * US dollars, over all runs of the session. Claude Code reports what a turn cost when it ends: the current turn, and a
   * turn that was killed, are not in it.
   */
  readonly cost: number
  /** What it has used, over all its runs; provisional until a turn ends. */
  readonly tokens: TokenUsage
  /** Distinct messages, the model's and the tools' results. */
  readonly messageCount: number
  /** The tool that is running now. */
  readonly currentTool?: string | undefined
  /** When its newest run started, in ISO 8601. */
  readonly startedAt?: string | undefined
  /** Milliseconds spent running, over all runs; of an active session, up to now. */
  readonly durationMs?: number | undefined
}

/** How many sessions are where, and what they have cost and used. */
export interface ProgressSummary {
  /** Sessions that ended well. */
  readonly completed: number
  /** Sessions that are active. */
  readonly running: number
  /** Sessions that are pending or paused. */
  readonly pending: number
  /** Sessions that ended badly. */
  readonly failed: number
  /** US dollars, summed exactly. */
  readonly totalCost: number
  /** What all sessions have used. */
  readonly totalTokens: TokenUsage
  /** Milliseconds since the group's start, when that is known; of a group that has ended, until its end. */
  readonly elapsedTime?: number | undefined
}

/** How far a group is. */
export interface GroupProgress extends ProgressSummary {
  /** The group's id. */
  readonly groupId: string
  /** Sessions of the group: the sum of the four counts. */
  readonly totalSessions: number
  /** The tracked sessions, in the order in which they were first tracked. */
  readonly sessions: readonly SessionProgress[]
  /**
   * Milliseconds, perhaps with a fraction; absent before the first session has completed. Sessions that can never start
   * take no time.
   */
  readonly estimatedTimeRemaining?: number | undefined
}

/** Options of a {@link ClaudeStream}. */
export interface ClaudeStreamOptions {
  /**
   * Sessions that the run may have been forked from (`--fork-session`). What they had cost before the fork is not part
   * of the forked session's cost.
   */
  readonly relatives?: readonly GroupSession[] | undefined
}

/** How a process ended, as `child_process` gives it. */
export interface ProcessExit {
  /** The exit code; `null` when a signal ended it. */
  readonly code: number | null
  /** The signal that ended it, e.g. `SIGTERM`. */
  readonly signal?: string | null | undefined
}

/**
 * Which groups to return. They are filtered, then sorted, then paged. Keys that are not listed here, and those whose value is
 * `null`, are ignored.
 */
export interface GroupFilter {
  /** Only groups of this status. */
  readonly status?: GroupStatus | undefined
  /** Only groups whose name contains this text; letter case and Unicode normal form are ignored. */
  readonly nameContains?: string | undefined
  /** Only groups created at this time or later. */
  readonly since?: Date | string | undefined
  /** Maximum number of groups to return, 0 or more; `Infinity` for all. */
  readonly limit?: number | undefined
  /** Number of groups to skip, 0 or more. */
  readonly offset?: number | undefined
}

/** In which order. Groups that are equal in it are ordered by id. */
export interface GroupSort {
  /** What to compare: names as `Intl.Collator('en')` does, times as instants. */
  readonly field: 'name' | 'createdAt' | 'updatedAt'
  /** Smallest or earliest first, or last. */
  readonly direction: 'asc' | 'desc'
}

/** When a group may be saved. At most one of them. */
export interface SaveOptions {
  /** Only if this revision is stored. */
  readonly ifRevision?: string | undefined
  /** Only if there is no such group. */
  readonly ifAbsent?: boolean | undefined
}

/** When a group may be deleted. */
export interface DeleteOptions {
  /** Only if this revision is stored. */
  readonly ifRevision?: string | undefined
}

/** How a {@link FileGroupRepository} writes. */
export interface FileGroupRepositoryOptions {
  /**
   * What an acknowledged write survives. `full`: a power failure, for it waits until the disk has confirmed it.
   * `process`: the end of any process. @default 'full'
   */
  readonly durability?: 'full' | 'process' | undefined
  /**
   * Milliseconds for which a write waits while other processes hold the group's lock, 0 to 2,147,483,647. Waiting behind
   * writes of the same process does not count. @default 10_000
   */
  readonly lockTimeoutMs?: number | undefined
}

/** Something that `verify` found wrong. */
export interface RepositoryProblem {
  /** The group's id, or the name of the entry. */
  readonly id: string
  /** The file or directory. */
  readonly path: string
  /**
   * `corrupt`: a file that is no group. `id_mismatch`: the group's id is not its directory's name.
   * `newer_schema`: written by a newer version. `foreign_owner`: this user may not read it. `leftover`: something that
   * belongs to no group.
   */
  readonly kind: 'corrupt' | 'id_mismatch' | 'newer_schema' | 'foreign_owner' | 'leftover'
  /** What is wrong, for people. */
  readonly message: string
}

/** Fields of a group to merge; an optional field given as `undefined` is removed. */
export type GroupChanges = Partial<Omit<SessionGroup, 'id' | 'slug' | 'createdAt'>>

/** Fields of a session to merge; an optional field given as `undefined` is removed. */
export type SessionChanges = Partial<Omit<GroupSession, 'id'>>

/**
 * A place where groups are kept: the interface of `claude-code-agent`, for classes and mocks of your own.
 * {@link FileGroupRepository} and {@link InMemoryGroupRepository} implement {@link GroupStore}, which has more methods. The
 * README lists every difference from the original.
 *
 * In both, every method rejects with a {@link SessionGroupsError} and never throws; a call that rejects has changed nothing,
 * except with the code `NOT_DURABLE`. Besides what each method names, an argument of the wrong type is `INVALID_ARGUMENT`. In
 * files, reading can fail with `CORRUPT`, `NEWER_SCHEMA`, `FOREIGN_OWNER` or `IO`, and writing with those and
 * `INSECURE_STORE`, `LOCK_TIMEOUT`, `NOT_COMMITTED` or `NOT_DURABLE`.
 *
 * Call the methods on the repository: `ids.map((id) => repository.findById(id))`, not `ids.map(repository.findById)`.
 */
export interface GroupRepository {
  /**
   * Returns the group of that id; `null` only when there is none.
   *
   * @param id The group's id.
   */
  findById(id: string): Promise<SessionGroup | null>
  /**
   * Returns the groups of that status, by id: the same as `list({ status })`. Rejects with `INVALID_FILTER`.
   *
   * @param status The status.
   */
  findByStatus(status: GroupStatus): Promise<readonly SessionGroup[]>
  /**
   * Returns the groups that match, without a `sort` by id. Groups that cannot be read or understood are left out;
   * `verify` lists them. Rejects with `INVALID_FILTER`, and when this user may read none of the groups.
   *
   * @param filter Which groups.
   * @param sort In which order.
   */
  list(filter?: GroupFilter, sort?: GroupSort): Promise<readonly SessionGroup[]>
  /**
   * Returns the number of groups that match; `limit` and `offset` are ignored. Rejects with `INVALID_FILTER`, and when
   * this user may read none of the groups.
   *
   * @param filter Which groups.
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
   * Merges fields into one session and sets the group's `updatedAt`; `false` when group or session is missing.
   * Rejects with `INVALID_ARGUMENT` for a change of the session's `id`, with `INVALID_GROUP` when the result would not be a
   * group.
   *
   * @param groupId The group's id.
   * @param sessionId The session's id.
   * @param changes The fields.
   */
  updateSession(groupId: string, sessionId: string, changes: SessionChanges): Promise<boolean>
  /**
   * Removes the group and everything in its directory; `false` when there was none.
   *
   * @param id The group's id.
   */
  delete(id: string): Promise<boolean>
}

/** A {@link GroupRepository} with preconditions, updates of whole groups, and a check of all that is stored. */
export interface GroupStore extends GroupRepository {
  /**
   * Creates or replaces a whole group. Rejects with `INVALID_ID`, with `INVALID_GROUP`, whose `field` is the path of the wrong
   * field, or with `CONFLICT`, whose `actualRevision` is the revision found.
   *
   * @param group The group.
   * @param options When it may be saved.
   */
  save(group: SessionGroup, options?: SaveOptions): Promise<void>
  /**
   * Removes the group and everything in its directory; `false` when there was none. Rejects with `CONFLICT`, whose
   * `actualRevision` is the revision found.
   *
   * @param id The group's id.
   * @param options When it may be deleted.
   */
  delete(id: string, options?: DeleteOptions): Promise<boolean>
  /**
   * Merges fields into the stored group, sets `updatedAt` and returns the result; `null` when there is no such group.
   * Unknown fields are stored as they are. Rejects with `INVALID_ARGUMENT` for a change of `id`, `slug` or `createdAt`, with
   * `INVALID_GROUP` when the result would not be a group.
   *
   * @param id The group's id.
   * @param changes The fields, or a synchronous function that returns them for the stored group. Calls in one process take
   *   turns. The function is called again with the newer group when another process came first; for the fourth call the
   *   group is locked for other processes. An error it throws rejects the promise unchanged.
   */
  update(
    id: string,
    changes: GroupChanges | ((group: SessionGroup) => GroupChanges),
  ): Promise<SessionGroup | null>
  /**
   * Returns a name for the stored state of a group, to be given as `ifRevision`: another state has another name. `null`
   * when there is no such group.
   *
   * Ask for it before you read the group, so that a change between the two is a `CONFLICT`. `update` with a function does
   * all this by itself.
   *
   * @example
   * const revision = await repository.revision(id)
   * const group = await repository.findById(id)
   * if (revision !== null && group !== null) await repository.save(change(group), { ifRevision: revision })
   *
   * @param id The group's id.
   */
  revision(id: string): Promise<string | null>
  /** Reads the whole store and lists its problems. Changes nothing. */
  verify(): Promise<readonly RepositoryProblem[]>
}

/** A {@link GroupStore} on files. */
export interface FileGroupRepository extends GroupStore {}

/** A {@link GroupStore} in memory. */
export interface InMemoryGroupRepository extends GroupStore {}

/**
 * Every failure of this package. `code` says which one it is:
 *
 * | code | when |
 * |---|---|
 * | `INVALID_ARGUMENT` | an argument of the wrong type or range |
 * | `INVALID_ID` | a group with an id that cannot name one was to be saved |
 * | `INVALID_GROUP` | something that is no `SessionGroup` was to be stored |
 * | `INVALID_FILTER` | a filter or sort that makes no sense |
 * | `INVALID_EVENT` | a text that is no event |
 * | `CORRUPT` | a stored file is no `SessionGroup`; it is left as it is |
 * | `FOREIGN_OWNER` | a stored file or the store belongs to another user: who, and how to change it |
 * | `CONFLICT` | a precondition did not hold |
 * | `LOCK_TIMEOUT` | other processes held the group's lock for longer than `lockTimeoutMs` |
 * | `NEWER_SCHEMA` | a newer version wrote the stored group: it can be read, not written |
 * | `INSECURE_STORE` | everyone may write to the base directory: writes are refused, reads work |
 * | `NOT_COMMITTED` | the disk refused: nothing changed |
 * | `NOT_DURABLE` | the change is visible, but the disk did not confirm it |
 * | `IO` | reading failed |
 * | `INTERNAL` | a bug of this package, caught before it could end the process |
 */
export interface SessionGroupsError extends Error {
  /** Which failure it is. */
  readonly code: SessionGroupsErrorCode
  /** The group it is about. */
  readonly groupId?: string
  /** The file or directory it is about. */
  readonly path?: string
  /** The path of the field it is about, e.g. `sessions[2].status`. */
  readonly field?: string
  /** For `CONFLICT`: the revision found, `null` when there was no such group. */
  readonly actualRevision?: string | null
}

/** Which failure it is: the table at {@link SessionGroupsError} says when each comes. */
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
  | 'INTERNAL'

/** The class {@link SessionGroupsError}. */
export interface SessionGroupsErrorConstructor {
  /** An error of a repository of your own, with a code and what it is about. */
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
  /** The prototype of all instances. */
  readonly prototype: SessionGroupsError
}

/** Every failure of this package, with its `code`. */
export declare const SessionGroupsError: SessionGroupsErrorConstructor
