// Measuring in milliseconds.

/** Measures one piece of work. */
export async function timed(work) {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Returns the mean time of many small pieces of work, done one after the other. */
export async function each(times, work) {
  const start = performance.now()
  for (let index = 0; index < times; index += 1) await work(index)
  return (performance.now() - start) / times
}

/** Like `each`, for synchronous work: awaiting a promise would take longer than the work itself. */
export function eachAtOnce(times, work) {
  const start = performance.now()
  for (let index = 0; index < times; index += 1) work(index)
  return (performance.now() - start) / times
}

/** Returns the time since the epoch, with fractions. It can be compared between processes, on Node and on Bun. */
export const wallClock = () => performance.timeOrigin + performance.now()

export function median(times) {
  return times.toSorted((left, right) => left - right)[Math.floor(times.length / 2)]
}
