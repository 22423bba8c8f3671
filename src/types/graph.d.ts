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
