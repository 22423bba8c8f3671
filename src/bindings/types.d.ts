// The first part of index.d.ts; the generator adds the classes, functions and constants, which use the interfaces that
// seem unused here. What is declared without `export` is for that file alone.
export {}

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
}

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
}

/** What every event has. */
export interface BaseEvent {
  /** Which event it is. */
  readonly type: GroupEventType
  /** ISO 8601. */
  readonly timestamp: string
  /** The group it happened in. */
  readonly groupId: string
}

/** A group was made. */
export interface GroupCreatedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_created'
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
  /** Sessions in the group. */
  readonly totalSessions: number
  /** Sessions that may run at the same time. */
  readonly maxConcurrent: number
}

/** All sessions of a group have ended. */
export interface GroupCompletedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_completed'
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
  /** Sessions that were running. */
  readonly runningSessions: number
  /** Who or what paused it. */
  readonly reason: 'manual' | 'budget_exceeded' | 'error_threshold'
}

/** A paused group runs again. */
export interface GroupResumedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_resumed'
  /** Sessions still to run. */
  readonly pendingSessions: number
}

/** A group was given up. */
export interface GroupFailedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_failed'
  /** Sessions that ended badly. */
  readonly failedSessions: number
  /** Why, for people. */
  readonly reason: string
}

/** A session began to run. */
export interface GroupSessionStartedEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'group_session_started'
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
  /** The session. */
  readonly sessionId: string
  /** The sessions it waited for. */
  readonly resolvedDependencies: readonly string[]
}

/** A session got on. */
export interface SessionProgressEvent extends BaseEvent {
  /** Which event it is. */
  readonly type: 'session_progress'
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

/** The same as {@link GroupSessionStartedEvent}. */
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
   * US dollars, over all runs of the session. Claude Code tells what a turn has cost when it ends: what is spent until then,
   * and what a killed run had spent on a turn that it did not end, is not in it.
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
  /** Milliseconds: of a session that ended from start to end, of a running one until now. */
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

/** How a process ended, as `child_process` gives it. */
export interface ProcessExit {
  /** The exit code; `null` when a signal ended it. */
  readonly code: number | null
  /** The signal that ended it, e.g. `SIGTERM`. */
  readonly signal?: string | null | undefined
}

/** Which groups to give. Groups are filtered, then sorted, then `offset` are left out, then `limit` are given. */
export interface GroupFilter {
  /** Only groups of this status. */
  readonly status?: GroupStatus | undefined
  /** Only groups with this anywhere in their name, letter case ignored. */
  readonly nameContains?: string | undefined
  /** Only groups created at this time or later. */
  readonly since?: Date | string | undefined
  /** At most so many groups, 0 or more. */
  readonly limit?: number | undefined
  /** Without the first so many groups, 0 or more. */
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
 * Where groups are kept. {@link FileGroupRepository} and {@link InMemoryGroupRepository} fulfil it with one
 * behaviour; a class of your own can implement it as well.
 *
 * Every method rejects with a {@link SessionGroupsError} and never throws; what it rejects did not change anything,
 * except with the code `NOT_DURABLE`. Besides what each method names: an argument of the wrong type is `INVALID_ARGUMENT`,
 * an id that cannot name a group `INVALID_ID`. In files, reading can fail with `CORRUPT`, `NEWER_SCHEMA`, `FOREIGN_OWNER`
 * or `IO`, and writing with those and `INSECURE_STORE`, `LOCK_TIMEOUT`, `NOT_COMMITTED` or `NOT_DURABLE`.
 *
 * Call the methods on the repository: `ids.map((id) => repository.findById(id))`, not `ids.map(repository.findById)`.
 */
export interface GroupRepository {
  /**
   * The group of that id; `null` only when there is none.
   *
   * @param id The group's id.
   */
  findById(id: string): Promise<SessionGroup | null>
  /**
   * The groups of that status, by id: the same as `list({ status })`. Rejects with `INVALID_FILTER`.
   *
   * @param status The status.
   */
  findByStatus(status: GroupStatus): Promise<readonly SessionGroup[]>
  /**
   * The groups that match, without a `sort` by id. Those that cannot be read or understood are left out; `verify` lists
   * them. Rejects with `INVALID_FILTER`, and when this user may read none of the groups.
   *
   * @param filter Which groups.
   * @param sort In which order.
   */
  list(filter?: GroupFilter, sort?: GroupSort): Promise<readonly SessionGroup[]>
  /**
   * How many groups match; `limit` and `offset` play no part. Rejects with `INVALID_FILTER`, and when this user may read
   * none of the groups.
   *
   * @param filter Which groups.
   */
  count(filter?: GroupFilter): Promise<number>
  /**
   * Creates or replaces a whole group. Rejects with `INVALID_GROUP`, whose `field` is the path of what is wrong, or
   * with `CONFLICT`, whose `actualRevision` is what was found.
   *
   * @param group The group.
   * @param options When it may be saved.
   */
  save(group: SessionGroup, options?: SaveOptions): Promise<void>
  /**
   * Merges fields into the stored group, sets `updatedAt` and gives the result; `null` when there is no such group. Fields
   * that are not known are stored as they are. Rejects with `INVALID_ARGUMENT` for a change of `id`, `slug` or `createdAt`, with `INVALID_GROUP` when the
   * result would be none.
   *
   * @param id The group's id.
   * @param changes The fields, or a synchronous function that makes them of the stored group. Calls in one process take
   *   turns; it is called again on the newer group when another process came first, and the fourth time the group is
   *   kept from other processes while it runs. What it throws rejects the promise as it is.
   */
  update(
    id: string,
    changes: GroupChanges | ((group: SessionGroup) => GroupChanges),
  ): Promise<SessionGroup | null>
  /**
   * Merges fields into one session and sets the group's `updatedAt`; `false` when group or session is missing.
   * Rejects with `INVALID_ARGUMENT` for a change of the session's `id`, with `INVALID_GROUP` when the result would
   * be none.
   *
   * @param groupId The group's id.
   * @param sessionId The session's id.
   * @param changes The fields.
   */
  updateSession(groupId: string, sessionId: string, changes: SessionChanges): Promise<boolean>
  /**
   * Removes the group and all under its directory; `false` when there was none. Rejects with `CONFLICT`, whose
   * `actualRevision` is what was found.
   *
   * @param id The group's id.
   * @param options When it may be deleted.
   */
  delete(id: string, options?: DeleteOptions): Promise<boolean>
  /**
   * A name for the stored state of a group, to be given as `ifRevision`: another state has another name. `null` when
   * there is no such group.
   *
   * Ask for it before you read the group: what comes in between is then a `CONFLICT`. `update` with a function does all
   * this by itself.
   *
   * @example
   * const revision = await repository.revision(id)
   * const group = await repository.findById(id)
   * if (revision !== null && group !== null) await repository.save(change(group), { ifRevision: revision })
   *
   * @param id The group's id.
   */
  revision(id: string): Promise<string | null>
  /** Reads the whole store and lists what is wrong with it. Changes nothing. */
  verify(): Promise<readonly RepositoryProblem[]>
}

// The methods of the classes: merged with the generated declarations, and held against the interface by the compiler.

/** A {@link GroupRepository} on files. */
export interface FileGroupRepository extends GroupRepository {}

/** A {@link GroupRepository} in memory. */
export interface InMemoryGroupRepository extends GroupRepository {}

/**
 * Every failure of this package. `code` says which one it is:
 *
 * | code | when |
 * |---|---|
 * | `INVALID_ARGUMENT` | an argument of the wrong type or range |
 * | `INVALID_ID` | an id that cannot name a group |
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

interface SessionGroupsErrorConstructor {
  /** For repositories of your own: an error with a code and what it is about. */
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
  readonly prototype: SessionGroupsError
}

interface DefaultBudgetConfig extends BudgetConfig {
  readonly maxBudgetUsd: 10
  readonly onBudgetExceeded: 'pause'
  readonly warningThreshold: 0.8
}

interface DefaultConcurrencyConfig extends ConcurrencyConfig {
  readonly maxConcurrent: 3
  readonly respectDependencies: true
  readonly pauseOnError: true
  readonly errorThreshold: 2
}

interface DefaultSessionConfig extends SessionConfig {
  readonly generateClaudeMd: true
  readonly generateSettings: false
}

interface DefaultGroupConfig extends DefaultBudgetConfig, GroupConfig {
  readonly maxBudgetUsd: 10
  readonly onBudgetExceeded: 'pause'
  readonly warningThreshold: 0.8
  readonly model: 'sonnet'
  readonly maxConcurrentSessions: 3
}
