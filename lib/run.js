// One run of a group: the conversation between the addon's thread, which runs it, and JavaScript.

const { GroupRun } = require('./addon.js')
const { claimed } = require('./claims.js')
const { feedsBeside, forget } = require('./feeds.js')
const { ProcessHost, RepositoryHost } = require('./hosts.js')
const { isNative } = require('./repositories.js')
const { onAbort } = require('./signals.js')
const { textOf } = require('./thrown.js')

// Fake timers of tests may replace it later.
const { setImmediate } = globalThis

/** Time that messages may take in one turn of the event loop, in milliseconds. */
const TURN_MS = 3

exports.Run = class Run {
  /** Id of the group. */
  id
  /** Options of the run, as they were given. */
  options
  /** The reason of a pause that was requested. */
  pauseReason
  #container
  #repository
  #handlers
  #native
  /** Requests from before the addon runs the group. */
  #early = []
  #groups
  #processes
  /** Messages that are not handled yet. */
  #messages = []
  /** What a call of the user's own code threw last. */
  #thrown

  constructor(container, repository, options, handlers) {
    this.#container = container
    this.#repository = repository
    this.options = options
    this.#handlers = handlers
  }

  /**
   * Runs the group, or does something else with it that a task says. Fulfilled with the outcome, after the handlers were called
   * with all events. A task that runs or stops the group is rejected with `ALREADY_RUNNING` if this process runs it already.
   */
  carryOut(group, task) {
    const work = () => this.#carryOut(group, task)
    const runsNothing = task?.plan !== undefined || task?.control !== undefined
    return runsNothing ? work() : claimed(this.#repository, idOf(group), work)
  }

  async #carryOut(group, task) {
    this.id = typeof group === 'string' ? group : await this.#saved(group)
    const { clock, processManager } = this.#container
    const surroundings = {
      environment: { ...process.env },
      // Where JavaScript starts the processes, its own time counts, which fake timers of tests replace.
      hasClock: clock != null || processManager != null,
      hasProcessManager: processManager != null,
      isNative: isNative(this.#repository),
    }
    // A task other than a run has the options of an earlier run, whose signal has paused that one if it is aborted.
    const isSpent = task !== undefined && this.options?.signal?.aborted
    const signal = isSpent ? undefined : this.options?.signal
    const pause = () => this.request({ request: 'pause' })
    let ignoreSignal
    try {
      const beside = feedsBeside(this.#repository)
      const run = new GroupRun(this.#repository, this.id, this.options, task, surroundings, beside)
      this.#native = run
      this.#groups = new RepositoryHost(this.#repository, this.id, run)
      this.#processes = new ProcessHost(processManager, run)
      // Before the start, so that no session starts in between.
      for (const request of this.#early.splice(0)) run.request(request)
      if (signal?.aborted) pause()
      else if (signal) ignoreSignal = onAbort(signal, pause)
      await new Promise((resolve) => run.start(() => this.#receive(resolve)))
      // Here, where the stack of an error shows the callers that await it.
      return run.outcome()
    } catch (error) {
      if (error?.code === 'NOT_FOUND') forget(this.#repository, this.id)
      if (error?.code === 'IO' && this.#thrown !== undefined) error.cause = this.#thrown
      throw error
    } finally {
      ignoreSignal?.()
      this.#groups?.unwatch()
    }
  }

  /** Asks the run for a pause or a stop. A pause that nothing else causes has the given reason. */
  request({ reason, ...request }) {
    this.pauseReason = reason
    this.#ask(request)
  }

  /** Asks the run to run failed sessions again. Returns `false` if it cannot, since it has just ended. */
  retry({ sessions, fresh }) {
    return this.#ask({ request: 'retry', sessions, fresh })
  }

  #ask(request) {
    if (this.#native) return this.#native.request(request)
    this.#early.push(request)
    return true
  }

  /** Returns the progress of the group, during the run and after it. */
  progress() {
    return this.#native?.progress() ?? null
  }

  /** Saves a group that is not stored yet. Returns its id. */
  async #saved(group) {
    const id = idOf(group)
    if ((await this.#repository.findById(id)) == null) await this.#repository.save(group, { ifAbsent: true })
    return id
  }

  /** Takes the messages of the addon. */
  #receive(resolve) {
    const isIdle = this.#messages.length === 0
    this.#messages.push(...this.#native.take())
    if (isIdle) this.#handle(resolve)
  }

  /** Handles messages in their order. Many of them do not block the event loop. */
  #handle(resolve) {
    const begun = performance.now()
    for (let count = 1; ; count++) {
      const [message] = this.#messages
      if (message === undefined) return
      if (message.kind === 'event') this.#emit(message.event)
      else if (message.kind === 'warning') warn(message.text)
      else if (message.kind === 'end') this.#end(resolve)
      else this.#serve(message)
      // Only now, so that messages that come meanwhile wait for their turn.
      this.#messages.shift()
      if (count % 10 === 0 && performance.now() - begun > TURN_MS)
        return setImmediate(() => this.#handle(resolve))
    }
  }

  #emit(event) {
    const isRequested = event.type === 'group_paused' && event.cause === 'manual' && this.pauseReason
    this.#handlers.emit(isRequested ? { ...event, reason: this.pauseReason } : event)
  }

  #end(resolve) {
    this.#native.close()
    resolve()
  }

  /** Does what the addon asks for, and answers it. */
  async #serve(message) {
    const { kind, question } = message
    try {
      const answer = await this.#do(kind, message)
      if (question !== undefined) this.#native.answer(question, String(answer))
    } catch (error) {
      this.#thrown = error
      if (question !== undefined) this.#native.fail(question, textOf(error, 'message'))
    }
  }

  #do(kind, message) {
    switch (kind) {
      case 'now':
        return (this.#container.clock?.now() ?? new Date()).getTime()
      case 'spawn':
      case 'kill':
        return this.#processes[kind](message)
      default:
        return this.#groups[kind](message)
    }
  }
}

const idOf = (group) => (typeof group === 'string' ? group : group.id)

function warn(text) {
  process.emitWarning(text, { type: 'SessionGroupsWarning', code: 'SESSION_GROUPS_RUN' })
}
