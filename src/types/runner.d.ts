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
