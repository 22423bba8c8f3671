// The results of a repository's `watch` and `events`. The addon finds the changes and events; calling listeners, iterating,
// and closing by a signal are better written in JavaScript.

const { onAbort } = require('./signals.js')

/** Returns a watcher that calls the listener, or an iterator if there is no listener. */
exports.watch = (source, listener, signal) =>
  listener ? new Watcher(listen(source, listener, signal)) : new SourceIterator(source, signal)

/** Access to a `ChangeSource` of the addon until it is closed, by its user or by a signal. */
class Subscription {
  #source
  /** Takes back that the signal closes it. */
  #ignoreSignal
  #onClose
  #isRequested = false

  /**
   * `onReady` is called after a request, once there is something to take. `onClose` is called when it is closed.
   */
  constructor(source, signal, onReady, onClose) {
    if (signal?.aborted) {
      source.close()
      return
    }
    this.#source = source
    this.#onClose = onClose
    if (signal) this.#ignoreSignal = onAbort(signal, () => this.close())
    source.start(() => {
      this.#isRequested = false
      if (this.isOpen) onReady()
    })
  }

  get isOpen() {
    return this.#source !== undefined
  }

  request() {
    if (this.#isRequested) return
    this.#isRequested = true
    this.#source?.request()
  }

  take() {
    return this.#source.take()
  }

  ref() {
    this.#source?.ref()
  }

  unref() {
    this.#source?.unref()
  }

  close() {
    if (!this.isOpen) return
    this.#source.close()
    this.#ignoreSignal?.()
    this.#ignoreSignal = undefined
    this.#source = undefined
    this.#onClose?.()
  }
}

/** Calls a listener with each change. The next changes are requested once it was called with the last ones. */
function listen(source, listener, signal) {
  const subscription = new Subscription(source, signal, () => {
    for (const change of subscription.take()) {
      if (!subscription.isOpen) return
      try {
        listener(change)
      } catch (error) {
        source.throwUncaught(error)
      }
    }
    subscription.request()
  })
  subscription.request()
  return subscription
}

class Watcher {
  #subscription

  constructor(subscription) {
    this.#subscription = subscription
  }

  close() {
    this.#subscription.close()
  }

  ref() {
    this.#subscription.ref()
    return this
  }

  unref() {
    this.#subscription.unref()
    return this
  }
}

/** Iterates over the changes or events of a source until it is closed, or its events end. */
class SourceIterator {
  #subscription
  #items = []
  /** The pending calls of `next`. */
  #waiting = []

  constructor(source, signal) {
    const onReady = () => this.#receive()
    const onClose = () => this.#end()
    this.#subscription = new Subscription(source, signal, onReady, onClose)
  }

  async next() {
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.push({ resolve, reject })
        if (this.#subscription.isOpen) this.#serve()
        else this.#end()
      })
    } catch (error) {
      // It was made in a callback. Here, the stack shows the callers that await it.
      Error.captureStackTrace(error)
      throw error
    }
  }

  async return(value) {
    this.#subscription.close()
    return { done: true, value: await value }
  }

  [Symbol.asyncIterator]() {
    return this
  }

  #receive() {
    try {
      const items = this.#subscription.take()
      if (items === null) return this.#subscription.close()
      this.#items.push(...items)
      this.#serve()
    } catch (error) {
      this.#waiting.shift()?.reject(error)
      this.#subscription.close()
    }
  }

  /** Fulfils pending calls with items. A call that remains pending keeps the process alive. */
  #serve() {
    while (this.#waiting.length > 0 && this.#items.length > 0)
      this.#waiting.shift().resolve({ done: false, value: this.#items.shift() })
    if (this.#waiting.length > 0) {
      this.#subscription.ref()
      this.#subscription.request()
    } else {
      this.#subscription.unref()
    }
  }

  #end() {
    this.#items = []
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined })
  }
}

// Older runtimes do not have the symbol.
if (Symbol.asyncDispose) {
  const dispose = async function () {
    await this.return()
  }
  const property = { value: dispose, writable: true, configurable: true }
  Object.defineProperty(SourceIterator.prototype, Symbol.asyncDispose, property)
}
