// The events of groups in any repository. A repository without `events` has none of its own: what a run in this process reports
// is kept in memory beside it.

const { InMemoryGroupRepository, requireObject } = require('./addon.js')
const { requireMethods } = require('./arguments.js')
const { extendsNative } = require('./repositories.js')

/** The feeds beside repositories: each is a repository in memory that has the groups which were run. */
const feeds = new WeakMap()

/** Returns the feeds beside a repository; `undefined` for a repository that has its own. */
exports.feedsBeside = (repository) => {
  if (extendsNative(repository)) return undefined
  if (!feeds.has(repository)) feeds.set(repository, new InMemoryGroupRepository())
  return feeds.get(repository)
}

/** Ends the feed of a group that was deleted. */
exports.forget = (repository, groupId) => {
  feeds.get(repository)?.delete(groupId)
}

exports.groupEvents = function groupEvents(repository, groupId, options) {
  requireObject('repository', repository)
  if (typeof repository.events === 'function') return repository.events(groupId, options)
  requireMethods('repository', repository, ['findById'])
  const beside = exports.feedsBeside(repository)
  // Throws at once for options of the wrong type.
  beside.events(groupId, options).return()
  return new LaterIterator(open(repository, groupId, beside).then(() => beside.events(groupId, options)))
}

/** Makes the feed of a group that was not run yet, so that a reader can follow it. */
async function open(repository, groupId, beside) {
  if ((await beside.findById(groupId)) !== null) return
  const group = (await repository.findById(groupId)) ?? null
  if (group === null) return
  try {
    await beside.save(group, { ifAbsent: true })
  } catch (error) {
    // A run has begun meanwhile.
    if (error.code !== 'CONFLICT') throw error
  }
}

const ENDED = {
  next: async () => ({ done: true, value: undefined }),
  return: async (value) => ({ done: true, value: await value }),
}

/** An iterator that is known later. An error ends it. */
class LaterIterator {
  #iterator

  constructor(iterator) {
    this.#iterator = iterator
    // Whoever iterates gets the error.
    iterator.catch(() => {})
  }

  async next() {
    try {
      return await (await this.#iterator).next()
    } catch (error) {
      this.#iterator = Promise.resolve(ENDED)
      throw error
    }
  }

  async return(value) {
    const iterator = await this.#iterator.catch(() => ENDED)
    return await iterator.return(value)
  }

  [Symbol.asyncIterator]() {
    return this
  }
}

// Older runtimes do not have the symbol.
if (Symbol.asyncDispose) {
  const dispose = async function () {
    await this.return()
  }
  const property = { value: dispose, writable: true, configurable: true }
  Object.defineProperty(LaterIterator.prototype, Symbol.asyncDispose, property)
}
