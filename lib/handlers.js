// The receivers of the events of a runner or a manager. None of them can disturb its work.

const { textOf } = require('./thrown.js')

/** Calls an emitter and handlers with events. */
exports.Handlers = class Handlers {
  #emitter
  /** Handlers by the types of events: arrays of `{ handler, isOnce }`. */
  #byType = new Map()
  /** The emitter and the handlers whose errors have been reported. */
  #reported = new WeakSet()

  constructor(emitter) {
    this.#emitter = emitter
  }

  add(type, handler, isOnce) {
    this.#byType.set(type, [...(this.#byType.get(type) ?? []), { handler, isOnce }])
  }

  /** Removes a handler that was added for a type; the newest one if it was added several times. */
  remove(type, handler) {
    const added = this.#byType.get(type) ?? []
    const index = added.findLastIndex((entry) => entry.handler === handler)
    if (index >= 0) this.#byType.set(type, added.toSpliced(index, 1))
  }

  /** Passes an event to the emitter, then to the handlers of its type. */
  emit(event) {
    const { type } = event
    if (this.#emitter) this.#call(this.#emitter, () => this.#emitter.emit(type, event), type)
    for (const entry of this.#byType.get(type) ?? []) {
      if (entry.isOnce)
        this.#byType.set(
          type,
          this.#byType.get(type).filter((other) => other !== entry),
        )
      this.#call(entry.handler, () => entry.handler(event), type)
    }
  }

  /** Calls a receiver. What it throws, or rejects later, is reported once for each receiver. */
  #call(receiver, call, type) {
    const report = (error) => {
      if (this.#reported.has(receiver)) return
      this.#reported.add(receiver)
      const text = `A handler of ${type} failed: ${textOf(error, 'stack')}`
      process.emitWarning(text, { type: 'SessionGroupsWarning', code: 'SESSION_GROUPS_HANDLER' })
    }
    try {
      const result = call()
      if (typeof result?.then === 'function') result.then(undefined, report)
    } catch (error) {
      report(error)
    }
  }
}
