// The entry of the package: the addon, and the parts that are better written in JavaScript.

const { ConfigGenerator } = require('./lib/config-generator.js')
const { groupEvents } = require('./lib/feeds.js')
const { GroupManager } = require('./lib/manager.js')
const { control, GroupRunner } = require('./lib/runner.js')
const { timeOf } = require('./lib/times.js')
const { watch } = require('./lib/watch.js')
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
} = require('./lib/addon.js')

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
const { isArray } = Array

/** Parsed values by their slots, never returned to a caller. */
const kept = new Map()

// The addon is loaded once per environment, but Jest evaluates this module again in a realm of its own for each test file,
// and `jest.resetModules()` several times in one realm. The last realm is the one in use; its first copy's classes are shared.
const { CircularDependencyError, SessionGroupsError } = initialize({
  errors: { CircularDependencyError: OwnCircularError, SessionGroupsError: OwnError },
  rejected,
  onlyStatus,
  parse,
  stringify,
  // Bun does not free the text that a worker thread has read when the thread ends.
  sharesText: !process.versions.bun || require('node:worker_threads').isMainThread,
  keep,
  copyGroup: (slot) => copyOfGroup(kept.get(slot)),
  copyGroups: (slots) => parse(slots).map((slot) => copyOfGroup(kept.get(slot))),
  copySummaries: (slots) => parse(slots).map((slot) => copyOfSummary(kept.get(slot))),
  append,
  arrange: (values, more, positions) => {
    append(values, more)
    return parse(positions).map((position) => values[position])
  },
  // Looked up at the call, because fake timers replace `Date` and Jest copies `process.env`.
  now: (changes) => timeOf(changes) ?? Date.now(),
  home: () => process.env[process.platform === 'win32' ? 'USERPROFILE' : 'HOME'],
  watch,
})

/**
 * Returns the status of a filter that has nothing else, so that the addon need not read it key by key; `undefined` for any
 * other filter.
 */
function onlyStatus({ status, nameContains, since, limit, offset }) {
  const isOnly = (nameContains ?? since ?? limit ?? offset ?? undefined) === undefined
  return isOnly ? status : undefined
}

function append(array, values) {
  for (const value of values) array.push(value)
}

/** Keeps values in slots. The message is `[isFirst, slots, values]` as JSON; if `isFirst`, all other slots are emptied. */
function keep(message) {
  const [isFirst, slots, values] = parse(message)
  if (isFirst) kept.clear()
  for (let i = 0; i < slots.length; i++) kept.set(slots[i], values[i])
}

/**
 * Copies a group that was parsed from JSON. Engines copy an object as a whole several times as fast as key by key. V8 does so
 * only where few shapes of objects are copied, so each kind of object is copied in a place of its own. The copies belong to
 * the realm of this module.
 */
function copyOfGroup(group) {
  return withOwnParts({ ...group }, copyOfGroupPart)
}

function copyOfSummary(summary) {
  return withOwnParts({ ...summary }, copyOfSummaryPart)
}

function copyOfGroupPart(part, key) {
  if (key === 'sessions' && isArray(part)) return part.map(copyOfSession)
  return key === 'config' && !isArray(part) ? withOwnParts({ ...part }, copyOf) : copyOf(part)
}

function copyOfSession(session) {
  const isSession = isNested(session) && !isArray(session)
  return isSession ? withOwnParts({ ...session }, copyOfSessionPart) : copyOfElement(session)
}

function copyOfSessionPart(part, key) {
  return key === 'tokens' && !isArray(part) ? withOwnParts({ ...part }, copyOf) : copyOf(part)
}

function copyOfSummaryPart(part, key) {
  return key === 'totalTokens' ? { ...part } : copyOf(part)
}

/** Copies an object or array of any kind. */
function copyOf(value) {
  return isArray(value) ? value.map(copyOfElement) : withOwnParts({ ...value }, copyOf)
}

function copyOfElement(value) {
  return isNested(value) ? copyOf(value) : value
}

/** Replaces the objects and arrays in a copy by copies. Returns the copy. */
function withOwnParts(copy, copyOfPart) {
  for (const key in copy) {
    const part = copy[key]
    if (isNested(part) && hasOwn(copy, key)) copy[key] = copyOfPart(part, key)
  }
  return copy
}

function isNested(value) {
  return typeof value === 'object' && value !== null
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

module.exports = {
  CircularDependencyError,
  ClaudeStream,
  ConfigGenerator,
  DEFAULT_BUDGET_CONFIG,
  DEFAULT_CONCURRENCY_CONFIG,
  DEFAULT_GROUP_CONFIG,
  DEFAULT_SESSION_CONFIG,
  DependencyGraph,
  FileGroupRepository,
  GroupManager,
  GroupRunner,
  InMemoryGroupRepository,
  ProgressAggregator,
  SessionGroupsError,
  calculateBudgetUsage,
  canResumeGroup,
  control,
  createSessionProgress,
  groupEvents,
  isActiveGroup,
  isBudgetExceeded,
  isBudgetWarning,
  isTerminalGroupStatus,
  parseGroupEvent,
  parseGroupFeedEvent,
}
