// GroupRunner and control. The addon does the work on a thread of its own; here are the state of a runner and its handlers.

const { requireObject, throwInvalidArgument, throwInvalidState } = require('./addon.js')
const { optionsOf, requireMethods, requireOneOf } = require('./arguments.js')
const { Handlers } = require('./handlers.js')
const { Run } = require('./run.js')

// Fake timers of tests may replace it later.
const { setTimeout } = globalThis

/** Time until a runner that begins or ends is looked for again, in milliseconds. */
const PAUSE_MS = 20

/** Reasons of a pause. Every other cause is reported as `error_threshold`. */
const REASONS = ['manual', 'budget_exceeded', 'error_threshold']

/** Causes of a failed group whose sessions were not left to end by themselves. */
const STOPS = ['stopped', 'budget_exceeded']

/** Requests to the runner of a group. */
const REQUESTS = ['pause', 'resume', 'stop', 'retry']

/** Options of a request. */
const DETAILS = ['sessions', 'drain', 'now', 'fresh', 'budget', 'reason', 'by', 'waitMs', 'workDir']

exports.GroupRunner = class GroupRunner {
  #container
  #repository
  #handlers
  #state = 'idle'
  #pauseReason = null
  /** The newest run, or `undefined` before the first one. */
  #run
  /** Settled when the newest run has ended and the state is set. */
  #ended

  constructor(container, repository, eventEmitter) {
    if (container !== undefined) requireObject('container', container)
    if (container?.clock != null) requireMethods('container.clock', container.clock, ['now'])
    if (container?.processManager != null)
      requireMethods('container.processManager', container.processManager, ['spawn'])
    requireMethods('repository', repository, ['findById', 'save'])
    if (eventEmitter !== undefined) requireMethods('eventEmitter', eventEmitter, ['emit'])
    this.#container = container ?? {}
    this.#repository = repository
    this.#handlers = new Handlers(eventEmitter)
  }

  async run(group, options) {
    requireGroup(group)
    if (this.#state === 'running') throwInvalidState('Runner is already executing a group')
    const signal = options?.signal
    if (signal != null) requireMethods('signal', signal, ['addEventListener', 'removeEventListener'])
    await this.#execute(group, options)
  }

  async resume(options) {
    const { budget } = optionsOf(options, ['budget'])
    if (this.#state !== 'paused') throwInvalidState('Cannot resume: runner is not paused')
    await this.#execute(this.#run.id, this.#run.options, { budget })
  }

  async retry(id, options) {
    requireGroup(id)
    const { sessions, fresh } = optionsOf(options, ['sessions', 'fresh'])
    while (this.#state === 'running') {
      if (this.#run.id !== id) throwInvalidState('Runner is already executing a group')
      if (this.#run.retry({ sessions, fresh })) return
      // As in a handler of the run's last events: the sessions are run by another run.
      await this.#ended.catch(() => {})
    }
    const ofRun = this.#run?.id === id ? this.#run.options : undefined
    for (;;) {
      try {
        return await this.#execute(id, ofRun, { retry: { sessions, fresh } })
      } catch (error) {
        if (error?.code !== 'ALREADY_RUNNING') throw error
      }
      if ((await ask(this.#repository, id, 'retry', { sessions, fresh })) !== null) return
      // The runner has ended before it has seen the request, or is just beginning or ending.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  async pause(reason = 'manual', options = undefined) {
    const { drain } = optionsOf(options, ['drain'])
    if (this.#state !== 'running') throwInvalidState('Cannot pause: runner is not running')
    requireOneOf('reason', reason, REASONS)
    this.#run.request({ request: 'pause', drain, reason })
    await this.#ended
  }

  async stop(options) {
    const { now } = optionsOf(options, ['now'])
    if (this.#state === 'running') this.#run.request({ request: 'stop', now })
    else if (this.#state === 'paused') this.#execute(this.#run.id, this.#run.options, { stop: { now } })
    else throwInvalidState('Cannot stop: runner is not running or paused')
    await this.#ended
  }

  async plan(group, options) {
    requireGroup(group)
    const run = new Run(this.#container, this.#repository, options, new Handlers())
    const isId = typeof group === 'string'
    return await run.carryOut(isId ? group : group.id, { plan: { group: isId ? undefined : group } })
  }

  getProgress() {
    return this.#run?.progress() ?? null
  }

  getState() {
    return this.#state
  }

  getPauseReason() {
    return this.#pauseReason
  }

  on(type, handler) {
    this.#handlers.add(type, requireHandler(handler), false)
    return this
  }

  once(type, handler) {
    this.#handlers.add(type, requireHandler(handler), true)
    return this
  }

  off(type, handler) {
    this.#handlers.remove(type, handler)
    return this
  }

  #execute(group, options, task) {
    this.#ended = this.#carryOut(group, options, task)
    return this.#ended
  }

  /** Runs a group from one state to the next. A runner whose run is rejected returns to the state before it. */
  async #carryOut(group, options, task) {
    const before = [this.#state, this.#pauseReason, this.#run]
    this.#state = 'running'
    this.#pauseReason = null
    this.#run = new Run(this.#container, this.#repository, options, this.#handlers)
    try {
      const { status, cause } = await this.#run.carryOut(group, task)
      this.#state = status === 'paused' ? 'paused' : STOPS.includes(cause) ? 'stopped' : 'completed'
      if (status === 'paused') this.#pauseReason = this.#reasonOf(cause)
    } catch (error) {
      ;[this.#state, this.#pauseReason, this.#run] = before
      throw error
    }
  }

  #reasonOf(cause) {
    if (cause === 'manual') return this.#run.pauseReason ?? cause
    return REASONS.includes(cause) ? cause : 'error_threshold'
  }
}

exports.control = async function control(repository, id, request, options) {
  requireMethods('repository', repository, ['findById', 'save'])
  requireOneOf('request', request, REQUESTS)
  const hasActed = await ask(repository, requireGroup(id), request, optionsOf(options, DETAILS))
  if (hasActed === null)
    throwInvalidState(`Cannot ${request}: the group has no runner. Use run or retry of a GroupRunner`)
  return hasActed
}

/** Asks the runner of a group. Returns whether it has acted; `null` if there is none and the request needs one. */
function ask(repository, id, request, { workDir, ...control }) {
  return new Run({}, repository, { workDir }, new Handlers()).carryOut(id, { request, control })
}

/** Throws unless a value is the id of a group, or an object that has one. Returns the value. */
function requireGroup(group) {
  if (typeof group !== 'string' && typeof group?.id !== 'string')
    throwInvalidArgument('group', 'the id of a group, or a group', group)
  return group
}

function requireHandler(handler) {
  if (typeof handler !== 'function') throwInvalidArgument('handler', 'a function', handler)
  return handler
}
