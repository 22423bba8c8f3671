// What this process does with whole groups: it runs or deletes them, one at a time. Other processes know a runner by its lock or
// its record, which a run that has just begun does not have yet.

const { throwAlreadyRunning } = require('./addon.js')

/** The groups of each repository object that are run or deleted, with the times since when, in Unix milliseconds. */
const claims = new WeakMap()

/** Returns `true` if this process runs or deletes a group of a repository object. */
exports.isClaimed = (repository, groupId) => claims.get(repository)?.has(groupId) ?? false

/** Runs or deletes a group by a function. Rejects with `ALREADY_RUNNING` if this process does either already. */
exports.claimed = async function claimed(repository, groupId, work) {
  const ofRepository = claims.get(repository) ?? new Map()
  claims.set(repository, ofRepository)
  if (ofRepository.has(groupId)) throwAlreadyRunning(groupId, ofRepository.get(groupId))
  ofRepository.set(groupId, Date.now())
  try {
    return await work()
  } finally {
    ofRepository.delete(groupId)
  }
}
