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
