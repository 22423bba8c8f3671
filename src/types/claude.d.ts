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
