// The results of a repository's `watch`. The addon finds the changes; calling listeners, iterating, and closing by a signal
// are better written in JavaScript.

/** Returns a watcher that calls the listener, or an iterator if there is no listener. */
exports.watch = (source, listener, signal) =>
  listener ? new Watcher(listen(source, listener, signal)) : new GroupChangeIterator(source, signal)

/** Access to a `ChangeSource` of the addon until it is closed, by its user or by a signal. */
class Feed {
  #source
  #signal
  #onAbort = () => this.close()
  #onClose
  #isRequested = false

  /**
   * `onChanges` is called after a request, once there are changes to take. `onClose` is called when the feed is closed.
   */
  constructor(source, signal, onChanges, onClose) {
    if (signal?.aborted) {
      source.close()
      return
    }
    this.#source = source
    this.#signal = signal
    this.#onClose = onClose
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    source.start(() => {
      this.#isRequested = false
      if (this.isOpen) onChanges()
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
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#source = undefined
    this.#signal = undefined
    this.#onClose?.()
  }
}

/** Calls a listener with each change. The next changes are requested once it was called with the last ones. */
function listen(source, listener, signal) {
  const feed = new Feed(source, signal, () => {
    for (const change of feed.take()) {
      if (!feed.isOpen) return
      try {
        listener(change)
      } catch (error) {
        source.throwUncaught(error)
      }
    }
    feed.request()
  })
  feed.request()
  return feed
}

class Watcher {
  #feed

  constructor(feed) {
    this.#feed = feed
  }

  close() {
    this.#feed.close()
  }

  ref() {
    this.#feed.ref()
    return this
  }

  unref() {
    this.#feed.unref()
    return this
  }
}

class GroupChangeIterator {
  #feed
  #changes = []
  /** The pending calls of `next`. */
  #waiting = []

  constructor(source, signal) {
    const onChanges = () => this.#receive()
    const onClose = () => this.#end()
    this.#feed = new Feed(source, signal, onChanges, onClose)
  }

  next() {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (this.#feed.isOpen) this.#serve()
      else this.#end()
    })
  }

  async return(value) {
    this.#feed.close()
    return { done: true, value: await value }
  }

  [Symbol.asyncIterator]() {
    return this
  }

  #receive() {
    try {
      this.#changes.push(...this.#feed.take())
      this.#serve()
    } catch (error) {
      this.#waiting.shift()?.reject(error)
      this.#feed.close()
    }
  }

  /** Fulfils pending calls with changes. A call that remains pending keeps the process alive. */
  #serve() {
    while (this.#waiting.length > 0 && this.#changes.length > 0)
      this.#waiting.shift().resolve({ done: false, value: this.#changes.shift() })
    if (this.#waiting.length > 0) {
      this.#feed.ref()
      this.#feed.request()
    } else {
      this.#feed.unref()
    }
  }

  #end() {
    this.#changes = []
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined })
  }
}

// Older runtimes do not have the symbol.
if (Symbol.asyncDispose) {
  const dispose = async function () {
    await this.return()
  }
  const property = { value: dispose, writable: true, configurable: true }
  Object.defineProperty(GroupChangeIterator.prototype, Symbol.asyncDispose, property)
}
