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
