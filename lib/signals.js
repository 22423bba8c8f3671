// Signals that many runs, watchers and iterators may share. Each signal has one listener for all of them: Node warns of a leak
// when there are more than ten.

/** The functions to call when a signal is aborted, by the signal. */
const waiting = new WeakMap()

/** Calls a function when a signal is aborted. Returns a function that takes this back. */
exports.onAbort = function onAbort(signal, call) {
  if (!waiting.has(signal)) listen(signal)
  const { calls, stop } = waiting.get(signal)
  calls.add(call)
  return () => {
    if (calls.delete(call) && calls.size === 0) stop()
  }
}

function listen(signal) {
  const calls = new Set()
  const stop = () => {
    signal.removeEventListener('abort', callAll)
    waiting.delete(signal)
  }
  const callAll = () => {
    stop()
    const called = [...calls]
    calls.clear()
    for (const call of called) call()
  }
  signal.addEventListener('abort', callAll)
  waiting.set(signal, { calls, stop })
}
