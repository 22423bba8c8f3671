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
