// The times of changes that are given to `update`: those of a container's clock, where there is one.

const times = new WeakMap()

/** Notes the time of changes, in Unix milliseconds. Returns the changes. */
exports.madeAt = (changes, time) => {
  times.set(changes, time)
  return changes
}

/** Returns the time of changes, in Unix milliseconds; `undefined` if it was not noted. */
exports.timeOf = (changes) => times.get(changes)
