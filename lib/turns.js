// Turns at changing a group in a repository without `update`, whose writes replace whole groups.

/** The work on each group of each repository: one call starts when the call before has ended. */
const turns = new WeakMap()

/** Does work on a group after the work on it that has begun before, so that no change undoes another. */
exports.inTurn = async function inTurn(repository, groupId, work) {
  const ofRepository = turns.get(repository) ?? new Map()
  turns.set(repository, ofRepository)
  const before = ofRepository.get(groupId)
  let end
  const ended = new Promise((resolve) => {
    end = resolve
  })
  ofRepository.set(groupId, ended)
  try {
    await before
    // Awaited here, so that the stack of an error shows the callers.
    return await work()
  } finally {
    end()
    if (ofRepository.get(groupId) === ended) ofRepository.delete(groupId)
  }
}
