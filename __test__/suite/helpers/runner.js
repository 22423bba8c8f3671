// Helpers for tests of the runner: a repository of a user's own, processes that do what a test tells them, and records of what
// happened.

const { EventEmitter } = require('node:events')
const sg = require('../../..')
const { freshDir, makeGroup, makeSession } = require('.')

/** Tests that run groups. */
const running = process.platform === 'win32' ? describe.skip : describe

/** A repository with the seven methods of the original, which keeps the objects it is given. */
class OwnRepository {
  groups = new Map()

  async findById(id) {
    return this.groups.get(id) ?? null
  }

  async findByStatus(status) {
    return this.list({ status })
  }

  async list({ status } = {}) {
    return [...this.groups.values()].filter((group) => status === undefined || group.status === status)
  }

  async count(filter) {
    return (await this.list(filter)).length
  }

  async save(group) {
    this.groups.set(group.id, group)
  }

  async updateSession(groupId, sessionId, changes) {
    const group = this.groups.get(groupId)
    if (!group?.sessions.some(({ id }) => id === sessionId)) return false
    const sessions = group.sessions.map((one) => (one.id === sessionId ? { ...one, ...changes } : one))
    this.groups.set(groupId, { ...group, sessions })
    return true
  }

  async delete(id) {
    return this.groups.delete(id)
  }
}

/** A user's repository with `update`, whose function it calls again when the group has changed meanwhile. */
class UpdatingRepository extends OwnRepository {
  async update(id, changes) {
    for (;;) {
      const group = this.groups.get(id)
      if (!group) return null
      const changed = { ...group, ...(typeof changes === 'function' ? changes(group) : changes) }
      await Promise.resolve()
      if (this.groups.get(id) !== group) continue
      this.groups.set(id, changed)
      return changed
    }
  }
}

/** A class with methods that record their calls and go on to those of one of the addon's classes. */
const recording = (Class, names) => {
  class Recording extends Class {
    calls = []
  }
  for (const name of names)
    Recording.prototype[name] = function (...args) {
      this.calls.push(name)
      return Class.prototype[name].apply(this, args)
    }
  return Recording
}

/** A user's class that extends one of the addon's and overrides how groups are read and written. */
const ExtendingRepository = recording(sg.FileGroupRepository, ['findById', 'save', 'updateSession'])

/** For `describe.each`: every kind of repository that a group can be run from. */
const RUN_FROM = [
  ['FileGroupRepository', () => new sg.FileGroupRepository(freshDir(), { durability: 'process' })],
  ['InMemoryGroupRepository', () => new sg.InMemoryGroupRepository()],
  ['a class with seven methods', () => new OwnRepository()],
  ['a class with update', () => new UpdatingRepository()],
  [
    'a class that extends FileGroupRepository',
    () => new ExtendingRepository(freshDir(), { durability: 'process' }),
  ],
]

/** A process whose output and end a test decides. */
class ManagedProcess {
  pid = 1
  signals = []
  #lines = []
  #waiting
  #exited

  constructor() {
    this.exitCode = new Promise((resolve) => {
      this.#exited = resolve
    })
    this.stdout = this.#output()
    this.stderr = (async function* () {})()
  }

  print(...lines) {
    this.#lines.push(...lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))))
    this.#waiting?.()
  }

  exit(code = 0) {
    this.hasExited = true
    this.#waiting?.()
    this.#exited(code)
  }

  kill(signal = 'SIGTERM') {
    this.signals.push(signal)
    this.exit(null)
  }

  async *#output() {
    for (;;) {
      while (this.#lines.length > 0) yield this.#lines.shift()
      if (this.hasExited) return
      await new Promise((resolve) => {
        this.#waiting = resolve
      })
    }
  }
}

/** A process manager that records what is started. Without `act`, each process exits with 0 at once. */
class ProcessManager {
  spawned = []
  most = 0
  #act
  #awaited = []

  constructor(act = (child) => child.exit(0)) {
    this.#act = act
  }

  spawn(command, args, options) {
    const child = new ManagedProcess()
    this.spawned.push({ command, args, options, child })
    this.most = Math.max(this.most, this.spawned.filter((one) => !one.child.hasExited).length)
    queueMicrotask(() => this.#act(child, this.spawned.length))
    for (const { count, resolve } of this.#awaited) if (this.spawned.length >= count) resolve(child)
    return child
  }

  /** Waits until so many processes have been started. Returns the one started last. */
  reaches(count) {
    if (this.spawned.length >= count) return Promise.resolve(this.spawned.at(-1).child)
    return new Promise((resolve) => this.#awaited.push({ count, resolve }))
  }
}

/** Does nothing, so that the process goes on until the test ends it. */
const goesOn = () => {}

/** An emitter that records all events. */
class Recorder extends EventEmitter {
  events = []

  emit(type, event) {
    this.events.push(event)
    return super.emit(type, event)
  }

  /** Returns the events in short form, without those of progress. */
  story() {
    return this.events
      .filter(({ type }) => !type.endsWith('_progress'))
      .map(({ type, sessionId }) => (sessionId ? `${type} ${sessionId}` : type))
  }

  of(type) {
    return this.events.filter((event) => event.type === type)
  }
}

/** A group whose sessions depend on each other: `{ a: [], b: ['a'] }`. */
const groupOf = (dependencies, { config, ...changes } = {}) => {
  const group = makeGroup()
  return {
    ...group,
    sessions: Object.entries(dependencies).map(([id, dependsOn]) =>
      makeSession({ id, dependsOn, projectPath: `/path/${id}`, prompt: `Work on ${id}` }),
    ),
    ...changes,
    config: { ...group.config, ...config },
  }
}

/** The lines that Claude Code prints in a turn that costs so much. */
const turn = (costUsd, { session = 'c0ffee00-0000-4000-8000-000000000000', ...result } = {}) => [
  { type: 'system', subtype: 'init', session_id: session },
  {
    type: 'assistant',
    session_id: session,
    message: { id: 'msg_1', role: 'assistant', content: [{ type: 'text', text: 'Done.' }] },
  },
  {
    type: 'result',
    subtype: 'success',
    is_error: false,
    num_turns: 1,
    result: 'Done.',
    session_id: session,
    total_cost_usd: costUsd,
    usage: { input_tokens: 10, output_tokens: 5 },
    ...result,
  },
]

/** A runner on a repository with one stored group. */
const prepare = async (repository, group, act) => {
  await repository.save(group)
  const manager = new ProcessManager(act)
  const recorder = new Recorder()
  const runner = new sg.GroupRunner({ processManager: manager }, repository, recorder)
  return { runner, manager, recorder, repository, group, stored: () => repository.findById(group.id) }
}

/** Waits until something holds; the test's own time limit is the bound. */
const eventually = async (holds) => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

module.exports = {
  OwnRepository,
  UpdatingRepository,
  RUN_FROM,
  ProcessManager,
  Recorder,
  eventually,
  goesOn,
  groupOf,
  prepare,
  recording,
  running,
  turn,
}
