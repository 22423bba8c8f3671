// A clock and repositories of a user's own, for the tests of a manager.

/** A clock that only a test moves. */
class MockClock {
  #time = Date.parse('2024-03-01T12:00:00.000Z')

  now() {
    return new Date(this.#time)
  }

  advance(milliseconds) {
    this.#time += milliseconds
  }
}

/** A user's own class with the seven methods. It loses changes of calls that are not made one after the other. */
class OwnRepository {
  groups = new Map()

  async findById(id) {
    await pause()
    return structuredClone(this.groups.get(id) ?? null)
  }

  async list({ status } = {}) {
    return [...this.groups.values()].filter((group) => !status || group.status === status)
  }

  async findByStatus(status) {
    return this.list({ status })
  }

  async count() {
    return this.groups.size
  }

  async save(group) {
    await pause()
    this.groups.set(group.id, structuredClone(group))
  }

  async updateSession(groupId, sessionId, changes) {
    const group = await this.findById(groupId)
    if (!group?.sessions.some(({ id }) => id === sessionId)) return false
    const sessions = group.sessions.map((each) => (each.id === sessionId ? { ...each, ...changes } : each))
    await this.save({ ...group, sessions })
    return true
  }

  async delete(id) {
    await pause()
    return this.groups.delete(id)
  }
}

/** A user's own class that wraps a repository and logs its calls. */
class WrappingRepository {
  calls = []

  constructor(inner) {
    this.inner = inner
    for (const name of [
      'findById',
      'findByStatus',
      'list',
      'count',
      'save',
      'update',
      'updateSession',
      'delete',
    ])
      this[name] = async (...args) => {
        this.calls.push(name)
        await pause()
        const result = await this.inner[name](...args)
        await pause()
        return result
      }
  }
}

const pause = () => new Promise((resolve) => setImmediate(resolve))

module.exports = { MockClock, OwnRepository, WrappingRepository, pause }
