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
