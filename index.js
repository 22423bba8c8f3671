// The entry of the package: loads the addon and adds the parts that are better written in JavaScript.

const { watch } = require('./watch.js')
const {
  ClaudeStream,
  DEFAULT_BUDGET_CONFIG,
  DEFAULT_CONCURRENCY_CONFIG,
  DEFAULT_GROUP_CONFIG,
  DEFAULT_SESSION_CONFIG,
  DependencyGraph: PositionGraph,
  FileGroupRepository,
  InMemoryGroupRepository,
  ProgressAggregator,
  calculateBudgetUsage,
  canResumeGroup,
  createSessionProgress,
  initialize,
  isActiveGroup,
  isBudgetExceeded,
  isBudgetWarning,
  isTerminalGroupStatus,
  parseGroupEvent,
  parseGroupFeedEvent,
} = loadBinding()

const DETAILS = ['code', 'groupId', 'path', 'field', 'actualRevision']

const OwnError = class SessionGroupsError extends Error {
  static {
    const name = { value: 'SessionGroupsError', writable: true, configurable: true }
    Object.defineProperty(SessionGroupsError.prototype, 'name', name)
  }

  constructor(message, details = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    for (const key of DETAILS) if (details[key] !== undefined) this[key] = details[key]
  }
}

const OwnCircularError = class CircularDependencyError extends OwnError {
  static {
    const name = { value: 'CircularDependencyError', writable: true, configurable: true }
    Object.defineProperty(CircularDependencyError.prototype, 'name', name)
  }

  constructor(message, details = {}) {
    super(message, { ...details, code: 'CIRCULAR_DEPENDENCY' })
    this.cycles = details.cycles ?? []
    this.cycle = this.cycles[0] ?? []
  }
}

const { parse, stringify } = JSON
const { hasOwn } = Object

/** Parsed values by their slots, never returned to a caller. */
const kept = new Map()

// The addon is loaded once per environment, but Jest evaluates this module again in a realm of its own for each test file,
// and `jest.resetModules()` several times in one realm. The last realm is the one in use; its first copy's classes are shared.
const { CircularDependencyError, SessionGroupsError } = initialize({
  errors: { CircularDependencyError: OwnCircularError, SessionGroupsError: OwnError },
  rejected,
  parse,
  stringify,
  keep,
  copy: (slot) => copyOf(kept.get(slot)),
  copies: (slots) => parse(slots).map((slot) => copyOf(kept.get(slot))),
  // Looked up at the call, because fake timers replace `Date` and Jest copies `process.env`.
  now: () => Date.now(),
  home: () => process.env[process.platform === 'win32' ? 'USERPROFILE' : 'HOME'],
  watch,
})

/** Keeps values in slots. The message is `[isFirst, slots, values]` as JSON; if `isFirst`, all other slots are emptied. */
function keep(message) {
  const [isFirst, slots, values] = parse(message)
  if (isFirst) kept.clear()
  for (let i = 0; i < slots.length; i++) kept.set(slots[i], values[i])
}

/** Copies a value that was parsed from JSON. Engines copy an object as a whole several times as fast as key by key. */
function copyOf(value) {
  if (Array.isArray(value)) return value.map(copyOfElement)
  const copy = { ...value }
  for (const key in copy) {
    const part = copy[key]
    if (typeof part === 'object' && part !== null && hasOwn(copy, key)) copy[key] = copyOf(part)
  }
  return copy
}

function copyOfElement(value) {
  return typeof value === 'object' && value !== null ? copyOf(value) : value
}

/**
 * Returns a promise that is rejected with an error. V8 adds the callers that await the promise to the stack of an error made
 * in an async function, so that a call pays for its stack only when it fails. The second `await` is needed because the addon's
 * promise follows this one only after the first.
 */
async function rejected(ErrorClass, message, details) {
  await undefined
  await undefined
  throw new ErrorClass(message, details)
}

/**
 * Returns the sessions it was given, where the class of the addon returns their positions. Keeps the sets that `getCompleted`
 * and `getFailed` return.
 */
class DependencyGraph extends PositionGraph {
  #sessions
  #completed = new Set()
  #failed = new Set()

  constructor(sessions) {
    // Copied, because positions are those at the time of the call.
    const copy = Array.isArray(sessions) ? [...sessions] : sessions
    super(copy)
    this.#sessions = copy
    for (const { id, status } of copy) {
      if (status === 'completed') this.#completed.add(id)
      if (status === 'failed') this.#failed.add(id)
    }
  }

  /** Returns `false`, because the constructor throws if there are cycles. */
  hasCycles() {
    return false
  }

  getReadySessions() {
    return Array.from(super.getReadySessions(), (position) => this.#sessions[position])
  }

  getBlockedSessions() {
    return Array.from(super.getBlockedSessions(), ([position, waitingOn]) => ({
      session: this.#sessions[position],
      waitingOn,
    }))
  }

  unreachable() {
    return Array.from(super.unreachable(), ([position, because]) => ({
      session: this.#sessions[position],
      because,
    }))
  }

  markStarted(sessionId) {
    super.markStarted(sessionId)
    this.#completed.delete(sessionId)
    this.#failed.delete(sessionId)
  }

  markCompleted(sessionId) {
    super.markCompleted(sessionId)
    this.#failed.delete(sessionId)
    this.#completed.add(sessionId)
  }

  markFailed(sessionId) {
    super.markFailed(sessionId)
    this.#completed.delete(sessionId)
    this.#failed.add(sessionId)
  }

  getCompleted() {
    return this.#completed
  }

  getFailed() {
    return this.#failed
  }
}

function loadBinding() {
  try {
    return require('./binding.js')
  } catch (error) {
    const attempts = causes(error)
    return loadForMusl(attempts) ?? throwNoBinary(attempts)
  }
}

/** Returns the errors of the attempts to load a binary, the first attempt first. */
function causes(error) {
  const errors = []
  for (let cause = error.cause; cause; cause = cause.cause) errors.unshift(cause)
  return errors.length > 0 ? errors : [error]
}

/**
 * Loads the binary for musl where the generated loader has looked for the one for glibc. It recognizes musl by `ldd`, or by the
 * libraries in Node's report; a Bun image of Alpine has neither.
 */
function loadForMusl(attempts) {
  if (process.platform !== 'linux' || process.env.NAPI_RS_NATIVE_LIBRARY_PATH) return undefined
  // Bundlers need each path written out, in a `try` of its own.
  if (process.arch === 'x64') {
    try {
      return require('./session-groups.linux-x64-musl.node')
    } catch (error) {
      attempts.push(error)
    }
    try {
      return require('session-groups-linux-x64-musl')
    } catch (error) {
      attempts.push(error)
    }
  }
  if (process.arch === 'arm64') {
    try {
      return require('./session-groups.linux-arm64-musl.node')
    } catch (error) {
      attempts.push(error)
    }
    try {
      return require('session-groups-linux-arm64-musl')
    } catch (error) {
      attempts.push(error)
    }
  }
  return undefined
}

function throwNoBinary(attempts) {
  const lines = attempts.map(({ message }) => String(message).split('\n')[0])
  // The generated loader also tries a WebAssembly build, which this package does not have.
  const native = [...new Set(lines)].filter((line) => !line.includes('wasi'))
  const error = new Error(
    `session-groups found no binary that runs on ${process.platform} ${process.arch}:\n` +
      native.map((line) => `- ${line}\n`).join('') +
      'It comes as an optional dependency for Linux (glibc 2.17 or newer, musl), macOS and Windows, each on x64 and arm64: ' +
      'install again without --omit=optional (--no-optional), on the system where it is to run. A tarball of a checkout ' +
      'has the binary of one system only. For any other, "From source" in the README says how to build it.',
  )
  error.code = 'SESSION_GROUPS_NO_BINARY'
  const failed = attempts.filter(({ message }) => !/^Cannot find (module|package)/.test(message))
  if (failed.length > 0) error.cause = failed.at(-1)
  throw error
}

module.exports = {
  CircularDependencyError,
  ClaudeStream,
  DEFAULT_BUDGET_CONFIG,
  DEFAULT_CONCURRENCY_CONFIG,
  DEFAULT_GROUP_CONFIG,
  DEFAULT_SESSION_CONFIG,
  DependencyGraph,
  FileGroupRepository,
  InMemoryGroupRepository,
  ProgressAggregator,
  SessionGroupsError,
  calculateBudgetUsage,
  canResumeGroup,
  createSessionProgress,
  isActiveGroup,
  isBudgetExceeded,
  isBudgetWarning,
  isTerminalGroupStatus,
  parseGroupEvent,
  parseGroupFeedEvent,
}
