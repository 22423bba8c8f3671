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
