// What the addon asks JavaScript for during a run: a repository and processes that are JavaScript's own.

const { hasUpdate, replace } = require('./repositories.js')
const { textOf } = require('./thrown.js')
const { madeAt } = require('./times.js')
const { inTurn } = require('./turns.js')

// Fake timers of tests may replace them later.
const { clearInterval, setInterval, setTimeout } = globalThis

/** Returns the changes that make one group of another. */
function changesBetween(before, after) {
  const { id, slug, createdAt, ...changes } = after
  for (const key of Object.keys(before)) if (!(key in after)) changes[key] = undefined
  return madeAt(changes, Date.parse(after.updatedAt))
}

/** Time between two looks at a group in a repository without `watch`, in milliseconds. */
const POLLING_MS = 1000

/** A group in a repository of any class. */
exports.RepositoryHost = class RepositoryHost {
  #repository
  #id
  #run
  /** Ends the newest watch. */
  #unwatch = () => {}

  constructor(repository, id, run) {
    this.#repository = repository
    this.#id = id
    this.#run = run
  }

  /** Returns the group as JSON; `null` if there is none. */
  async load() {
    return JSON.stringify((await this.#repository.findById(this.#id)) ?? null)
  }

  /** Stores the changes of a commit, which the addon computes from the stored group. Returns whether there is a group. */
  async commit({ commit }) {
    const changed = (group) => JSON.parse(this.#run.change(commit, JSON.stringify(group)))
    if (hasUpdate(this.#repository)) {
      let isFound = false
      const stored = await this.#repository.update(this.#id, (group) => {
        isFound = true
        return changesBetween(group, changed(group))
      })
      // An `update` that returns nothing has stored the group if it asked for the changes.
      return stored === undefined ? isFound : stored !== null
    }
    const change = (group) => (group === null ? null : changed(group))
    const saved = await inTurn(this.#repository, this.#id, () => replace(this.#repository, this.#id, change))
    return saved !== null
  }

  /** Reports changes by others. A repository that cannot tell is looked at once a second. */
  async watch() {
    let isOver = false
    let watcher
    this.#unwatch = () => {
      isOver = true
      watcher?.close()
    }
    const report = () => this.#run.changed()
    watcher = (await this.#ownWatcher(report)) ?? polling(report)
    if (isOver) watcher.close()
    // It may have changed before it was watched.
    else report()
  }

  unwatch() {
    this.#unwatch()
  }

  /** Returns the watcher of the repository; `undefined` if its `watch` fails or returns something else, as that of a user's class may. */
  async #ownWatcher(report) {
    try {
      const watcher = await this.#repository.watch?.(report, { id: this.#id })
      return typeof watcher?.close === 'function' ? watcher : undefined
    } catch {
      return undefined
    }
  }
}

function polling(report) {
  const timer = setInterval(report, POLLING_MS)
  return { close: () => clearInterval(timer) }
}

/** Time that the output of a process may take after its exit, in milliseconds. A child may hold it open. */
const OUTPUT_MS = 2000

/** The processes of a process manager. */
exports.ProcessHost = class ProcessHost {
  #manager
  #run
  #processes = new Map()

  constructor(manager, run) {
    this.#manager = manager
    this.#run = run
  }

  /** Starts a process. Returns its pid. */
  spawn({ process: number, arguments: args, cwd, env, stdin }) {
    const child = this.#manager.spawn('claude', args, { cwd, env, stdin })
    // Each is read once: every access of a mock may begin anew.
    const { pid, stdout, stderr, exitCode } = child ?? {}
    if (exitCode === undefined) {
      // Nobody would follow a process that comes later, and a rejection would end the program.
      Promise.resolve(child)
        .then((late) => late?.kill?.('SIGKILL'))
        .catch(() => {})
      throw new TypeError('processManager.spawn must return a process with an exitCode, not a promise of one')
    }
    this.#processes.set(number, child)
    this.#follow(number, stdout, stderr, exitCode)
    return pid
  }

  kill({ process: number, signal }) {
    return this.#processes.get(number)?.kill(signal)
  }

  async #follow(number, stdout, stderr, exitCode) {
    const run = this.#run
    const report = (error) => run.errors(number, textOf(error, 'message'))
    const outputs = Promise.all([
      forEachLine(stdout, (line) => run.output(number, line)),
      forEachLine(stderr, (line) => run.errors(number, line)),
      // At once: a rejection that waits for the exit to be handled would end the program.
    ]).catch(report)
    const code = await Promise.resolve(exitCode).catch((error) => report(error) ?? null)
    if (code !== null && !Number.isInteger(code))
      report(`exitCode must be an integer or null, but is ${code}`)
    await Promise.race([outputs, after(OUTPUT_MS)])
    this.#processes.delete(number)
    run.exited(number, Number.isInteger(code) ? code : null)
  }
}

async function forEachLine(lines, take) {
  for await (const line of lines ?? []) take(String(line))
}

function after(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref?.())
}
