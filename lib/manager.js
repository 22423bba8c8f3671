// `GroupManager`: the rules are in the addon, which decides what a request makes of a group. This file applies its decisions
// to a repository of any kind.

const {
  ChangeRequest,
  CreationRequest,
  FileGroupRepository,
  beginDeletion,
  refuseRecordedRunner,
  requireObject,
  runnerOf,
  throwNotFound,
  throwUnusableUpdate,
  unixTime,
} = require('./addon.js')
const { requireMethods } = require('./arguments.js')
const { claimed, isClaimed } = require('./claims.js')
const { forget } = require('./feeds.js')
const { Handlers } = require('./handlers.js')
const { hasUpdate, replace } = require('./repositories.js')
const { Run } = require('./run.js')
const { madeAt } = require('./times.js')
const { inTurn } = require('./turns.js')

exports.GroupManager = class GroupManager {
  #container
  #repository
  #handlers

  constructor(container, repository, eventEmitter) {
    if (container !== undefined) requireObject('container', container)
    if (container?.clock != null) requireMethods('container.clock', container.clock, ['now'])
    requireMethods('repository', repository, ['findById', 'save'])
    if (eventEmitter !== undefined) requireMethods('eventEmitter', eventEmitter, ['emit'])
    this.#container = container
    this.#repository = repository
    this.#handlers = new Handlers(eventEmitter)
  }

  async createGroup(options) {
    const now = timeFrom(this.#container)
    const request = new CreationRequest(options)
    for (let number = 1; ; number++) {
      const { group, event } = request.group(number, now)
      if (await inTurn(this.#repository, group.id, () => saveNew(this.#repository, group))) {
        this.#handlers.emit(event)
        return group
      }
    }
  }

  async getGroup(groupId) {
    return await this.#repository.findById(groupId)
  }

  async listGroups(filter) {
    return await this.#repository.list(filter)
  }

  async updateGroup(groupId, updates) {
    return await this.#change(groupId, new ChangeRequest('updateGroup', updates))
  }

  async archiveGroup(groupId) {
    await this.#change(groupId, new ChangeRequest('updateGroup', { status: 'archived' }))
  }

  async deleteGroup(groupId) {
    const now = timeFrom(this.#container)
    await endProcesses(this.#repository, groupId, now)
    const work = () => remove(this.#repository, groupId, now)
    const isDeleted = await inTurn(this.#repository, groupId, () => claimed(this.#repository, groupId, work))
    if (!isDeleted) throwNotFound(groupId)
    forget(this.#repository, groupId)
    this.#handlers.emit({ type: 'group_deleted', timestamp: new Date(now).toISOString(), groupId })
  }

  async addSession(groupId, session) {
    return await this.#change(groupId, new ChangeRequest('addSession', session))
  }

  async removeSession(groupId, sessionId, options) {
    return await this.#change(groupId, new ChangeRequest('removeSession', sessionId, options))
  }

  async updateSession(groupId, sessionId, updates) {
    const group = await this.#change(
      groupId,
      new ChangeRequest('updateSession', sessionId, updates),
      sessionId,
    )
    return group.sessions.find(({ id }) => id === sessionId)
  }

  /** Stores what a request makes of a group, then emits its event. Returns the stored group. */
  async #change(groupId, request, sessionId) {
    const now = timeFrom(this.#container)
    const runner = request.concernsStatus() ? await runnerName(this.#repository, groupId) : null
    const decide = (group) => request.decide(groupId, group, now, refusing(runner, group))
    const change = hasUpdate(this.#repository) ? update : readAndWrite
    const { group, event } = await change(this.#repository, groupId, decide, { now, sessionId })
    if (event) this.#handlers.emit(event)
    return group
  }
}

/** The name that `runnerOf` gives to the process itself. */
const THIS_PROCESS = 'this process'

/** Returns the name of the process that runs a group, or `null`. */
async function runnerName(repository, groupId) {
  return isClaimed(repository, groupId) ? THIS_PROCESS : await runnerOf(repository, groupId)
}

/**
 * Returns the name of a runner that would undo a change of the status. A run of this process does so while the group is running; after
 * that, the handlers of its last events may change the status.
 */
function refusing(runner, group) {
  return runner === THIS_PROCESS && group?.status !== 'running' ? undefined : (runner ?? undefined)
}

/** Changes a group in a repository that has `update`. */
async function update(repository, groupId, decide, { now }) {
  let decision
  const stored = await repository.update(groupId, (group) => {
    decision = decide(group)
    return madeAt(merged({}, decision), now)
  })
  if (!decision && stored) throwUnusableUpdate()
  const group = stored === undefined && decision ? await repository.findById(groupId) : stored
  return group ? { group, event: decision.event } : decide(null)
}

/** Changes a group by `save` or `updateSession`, in a repository whose `update` is not used. */
async function readAndWrite(repository, groupId, decide, { sessionId }) {
  return await inTurn(repository, groupId, async () => {
    if (sessionId === undefined) {
      let event
      const group = await replace(repository, groupId, (found) => {
        const decision = decide(found)
        event = decision.event
        return merged(found, decision)
      })
      return { group, event }
    }
    const { event, session } = decide(await repository.findById(groupId))
    const isUpdated = await repository.updateSession(groupId, sessionId, merged({}, session))
    const stored = isUpdated ? await repository.findById(groupId) : null
    return stored ? { group: stored, event } : decide(null)
  })
}

/** Deletes a group that nothing runs. Returns `false` if there is none. */
async function remove(repository, groupId, now) {
  const deletion = await beginDeletion(repository, groupId)
  if (!deletion) {
    refuseRecordedRunner(await repository.findById(groupId), now)
    return await repository.delete(groupId)
  }
  let isDeleted = false
  try {
    isDeleted = await repository.delete(groupId)
    return isDeleted
  } finally {
    await deletion.finish(isDeleted === true)
  }
}

/** Returns `true` if a session's process may live. */
function isOpen({ status, attempts }) {
  return status === 'active' || (Array.isArray(attempts) && attempts.some(({ outcome }) => !outcome))
}

/** Ends what a killed runner has left running of a group, unless its deletion does that itself, as in a file store. */
async function endProcesses(repository, groupId, now) {
  if (typeof groupId !== 'string' || repository instanceof FileGroupRepository) return
  const group = await repository.findById(groupId)
  if (!group?.sessions.some(isOpen)) return
  refuseRecordedRunner(group, now)
  await new Run({}, repository, undefined, new Handlers()).carryOut(groupId, { end: true })
}

/** Saves a group under an id that is free. Returns `false` if it is taken. */
async function saveNew(repository, group) {
  if (await repository.findById(group.id)) return false
  if (typeof repository.update !== 'function') {
    await repository.save(group)
    return true
  }
  try {
    await repository.save(group, { ifAbsent: true })
    return true
  } catch (error) {
    if (error?.code === 'CONFLICT') return false
    throw error
  }
}

/** Returns an object with changes merged. */
function merged(object, { changes, removed }) {
  const result = { ...object, ...changes }
  for (const key of removed) result[key] = undefined
  return result
}

/** Returns the time of a container's clock, in Unix milliseconds. */
function timeFrom(container) {
  return container?.clock ? unixTime('container.clock.now()', container.clock.now()) : Date.now()
}
