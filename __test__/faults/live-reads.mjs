// Reads are answered from memory only while nothing has changed: processes of Node and Bun change groups in every way there
// is, and others read each acknowledged change at once. All of it also with reads by `stat`.
//
// Each group has a version, which its name and its session tell. A writer notes in a file of two numbers per group which
// version it begins and, once its system calls have returned, which one is there. A reader looks there before and after
// each call: while no change is under way it must find exactly this version, and never an older one than before.

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { RUNTIMES } from '../../scripts/runtimes.mjs'
import { createGroup, FileGroupRepository, withDir } from './store.mjs'

const FILE = fileURLToPath(import.meta.url)
const WRITERS = 8
const GROUPS_EACH = 4
const GROUPS = WRITERS * GROUPS_EACH
const STATUSES = ['created', 'running']
/** Groups that nobody checks, which are only written to fill the queues of notifications. */
const NOISE = ['noise-0', 'noise-1']

const idOf = (group) => `20260115-103000-g${String(group).padStart(2, '0')}`
const digits = (version) => String(version).padStart(8, '0')
const nameOf = (group, version) => `g${String(group).padStart(2, '0')}:${digits(version)}`
const statusOf = (version) => STATUSES[version % STATUSES.length]
const session = (version) => ({ ...createGroup('').sessions[0], prompt: digits(version) })

/** A group of this version. All of them are equally long. */
const groupOf = (group, version) => ({
  ...createGroup(nameOf(group, version)),
  id: idOf(group),
  status: statusOf(version),
  sessions: [session(version)],
})
const textOf = (group, version) => JSON.stringify(groupOf(group, version), null, 2)

/**
 * The ways to change a group, in the order of the versions. Each gets the repository, the number of the group and its new
 * version, the paths of its directory and its file, and a directory outside of the store.
 */
const WAYS = {
  update: (repository, group, version) =>
    repository.update(idOf(group), { name: nameOf(group, version), status: statusOf(version) }),
  updateSession: (repository, group, version) =>
    repository.updateSession(idOf(group), 'a', { prompt: digits(version) }),
  save: (repository, group, version) => repository.save(groupOf(group, version)),
  writeInPlace: (_, group, version, { file }) => {
    const descriptor = fs.openSync(file, 'r+')
    fs.writeSync(descriptor, textOf(group, version), 0)
    fs.closeSync(descriptor)
  },
  truncateAndWrite: (_, group, version, { file }) => fs.writeFileSync(file, textOf(group, version)),
  delete: (repository, group) => repository.delete(idOf(group)),
  saveAnew: (repository, group, version) => repository.save(groupOf(group, version)),
  renameOver: (_, group, version, { directory, file }) => {
    fs.writeFileSync(path.join(directory, 'temporary'), textOf(group, version))
    fs.renameSync(path.join(directory, 'temporary'), file)
  },
  unlinkAndCreate: (_, group, version, { file }) => {
    fs.unlinkSync(file)
    fs.writeFileSync(file, textOf(group, version))
  },
  /** The old times of modification, as rsync leaves them. */
  synchronize: (_, group, version, { directory, file }) => {
    const temporary = path.join(directory, '.meta.json.a1b2c3')
    const { atime, mtime } = fs.statSync(file)
    fs.writeFileSync(temporary, textOf(group, version))
    fs.utimesSync(temporary, atime, mtime)
    fs.renameSync(temporary, file)
  },
  renameAwayAndBack: (_, group, version, { directory, outside }) => {
    const away = path.join(outside, 'away')
    fs.renameSync(directory, away)
    fs.writeFileSync(path.join(away, 'meta.json'), textOf(group, version))
    fs.renameSync(away, directory)
  },
  swapDirectories: (_, group, version, { directory, outside }) => {
    const [other, away] = ['other', 'away'].map((name) => path.join(outside, name))
    fs.mkdirSync(other)
    fs.writeFileSync(path.join(other, 'meta.json'), textOf(group, version))
    fs.renameSync(directory, away)
    fs.renameSync(other, directory)
    fs.rmSync(away, { recursive: true })
  },
  removeAll: (_, __, ___, { directory }) => fs.rmSync(directory, { recursive: true }),
  createAnew: (_, group, version, { directory, file }) => {
    fs.mkdirSync(directory)
    fs.writeFileSync(file, textOf(group, version))
  },
  copyOver: (_, group, version, { file, outside }) => {
    fs.writeFileSync(path.join(outside, 'copy'), textOf(group, version))
    fs.copyFileSync(path.join(outside, 'copy'), file)
  },
  replaceDirectoryByCopy: (_, group, version, { directory, outside }) => {
    const copy = path.join(outside, 'copies')
    fs.cpSync(directory, copy, { recursive: true })
    fs.writeFileSync(path.join(copy, 'meta.json'), textOf(group, version))
    fs.rmSync(directory, { recursive: true })
    fs.cpSync(copy, directory, { recursive: true })
    fs.rmSync(copy, { recursive: true })
  },
  forbidAndAllow: (_, group, version, { directory, file }) => {
    fs.writeFileSync(file, textOf(group, version))
    for (const [name, mode] of [
      [file, 0o600],
      [directory, 0o700],
    ]) {
      fs.chmodSync(name, 0)
      fs.chmodSync(name, mode)
    }
  },
  writeThroughHardLink: (_, group, version, { file, outside }) => {
    const link = path.join(outside, 'link')
    fs.linkSync(file, link)
    fs.writeFileSync(link, textOf(group, version))
    fs.unlinkSync(link)
  },
  /** The file is open under its first name, which it has no more. */
  writeAfterLinkingIntoPlace: (_, group, version, { file, outside }) => {
    const link = path.join(outside, 'link')
    fs.writeFileSync(link, textOf(group, version - 1))
    const descriptor = fs.openSync(link, 'r+')
    fs.unlinkSync(file)
    fs.linkSync(link, file)
    fs.unlinkSync(link)
    fs.writeSync(descriptor, textOf(group, version), 0)
    fs.closeSync(descriptor)
  },
  link: (_, group, version, { directory, file, outside }) => {
    const other = path.join(outside, 'linked')
    fs.renameSync(directory, other)
    fs.symlinkSync(other, directory)
    fs.unlinkSync(directory)
    fs.renameSync(other, directory)
    fs.writeFileSync(file, textOf(group, version))
  },
}
const NAMES = Object.keys(WAYS)
const wayOf = (group, version) => NAMES[(version + 5 * group) % NAMES.length]
const isAbsent = (group, version) => ['delete', 'removeAll'].includes(wayOf(group, version))
/** The newest version that the name tells: not each change sets it. */
const namedVersion = (group, version) => (wayOf(group, version) === 'updateSession' ? version - 1 : version)

/** The first version of each group, after which it is there. */
const FIRST = Array.from({ length: GROUPS }, (_, group) => {
  let version = 1
  while (isAbsent(group, version) || wayOf(group, version) === 'updateSession') version += 1
  return version
})

/** The file of the versions: of each group the acknowledged one and the one that was begun. */
class Versions {
  constructor(file) {
    this.descriptor = fs.openSync(file, 'r+')
    this.buffer = Buffer.alloc(8 * GROUPS)
  }

  set(group, column, version) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(version)
    fs.writeSync(this.descriptor, bytes, 0, 4, 8 * group + 4 * column)
  }

  column(column) {
    fs.readSync(this.descriptor, this.buffer, 0, this.buffer.length, 0)
    return Array.from({ length: GROUPS }, (_, group) => this.buffer.readUInt32LE(8 * group + 4 * column))
  }
}
const ACKNOWLEDGED = 0
const BEGUN = 1

const wait = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)

/** The files that tell writers, and then readers, to end. */
const endOf = { writers: (base) => `${base}.written`, readers: (base) => `${base}.over` }

/** A process of a writer: changes its groups again and again. */
async function write(base, writer) {
  const versions = new Versions(`${base}.versions`)
  const repository = new FileGroupRepository(base, { durability: 'process' })
  const outside = `${base}.writer-${writer}`
  fs.mkdirSync(outside)
  const current = versions.column(ACKNOWLEDGED)
  while (!fs.existsSync(endOf.writers(base))) {
    for (let group = writer; group < GROUPS; group += WRITERS) {
      const version = ++current[group]
      const directory = path.join(base, idOf(group))
      const paths = { directory, file: path.join(directory, 'meta.json'), outside }
      versions.set(group, BEGUN, version)
      const done = await WAYS[wayOf(group, version)](repository, group, version, paths)
      if (done === null || done === false) throw new Error(`${wayOf(group, version)} did nothing`)
      versions.set(group, ACKNOWLEDGED, version)
      wait(Math.random() * 3)
    }
  }
}

/** Checks the answers of one repository. */
class Reader {
  constructor(base, versions) {
    this.repository = new FileGroupRepository(base)
    this.versions = versions
    this.seen = new Array(GROUPS).fill(0)
    this.checks = 0
    this.failures = []
  }

  /** Carries out a call and checks its answer for each group by the versions before and after it. */
  async check(groups, what, call, look) {
    const before = this.versions.column(ACKNOWLEDGED)
    const answer = await call(before).catch((error) => error)
    const after = this.versions.column(BEGUN)
    for (const group of groups) {
      this.checks += 1
      const problem = look(answer, group, before[group], after[group])
      if (problem)
        this.failures.push(
          `${what} of ${idOf(group)}: ${problem}, with ${before[group]} (${wayOf(group, before[group])}) ` +
            `acknowledged and ${after[group]} (${wayOf(group, after[group])}) begun`,
        )
    }
  }

  /** Returns what is wrong with a group as it was found, if anything. */
  problemOf(found, group, before, after) {
    const isBusy = before !== after
    if (found instanceof Error) return isBusy ? undefined : found.message
    if (!found) return isBusy || isAbsent(group, before) ? undefined : 'it is missing'
    const [, named] = found.name.split(':').map(Number)
    const version = Math.max(named, Number(found.sessions[0].prompt))
    const seen = this.seen[group]
    this.seen[group] = Math.max(seen, version)
    if (version < seen) return `${version} was found after ${seen}`
    if (!isBusy && isAbsent(group, before)) return `${version} was found`
    // Half of the change of a version may be seen before it is acknowledged.
    if (version < before || version > after) return `${version} was found`
    if (!isBusy && (named !== namedVersion(group, before) || found.status !== statusOf(named)))
      return `it is called ${found.name} and is ${found.status}`
    return undefined
  }

  async checkOne(group) {
    const id = idOf(group)
    await this.check(
      [group],
      'findById',
      () => this.repository.findById(id),
      (found, ...where) => this.problemOf(found, ...where),
    )
    const count = (older) => async (before) =>
      this.repository.count({ nameContains: nameOf(group, namedVersion(group, before[group]) - older) })
    await this.check([group], 'count by name', count(0), (found, _, before, after) => {
      if (before !== after) return undefined
      return found === (isAbsent(group, before) ? 0 : 1) ? undefined : `it is counted ${found} times`
    })
    await this.check([group], 'count by an older name', count(1), (found, _, before, after) =>
      found === 0 || (found instanceof Error && before !== after) ? undefined : `${found} are counted`,
    )
  }

  async checkAll() {
    const all = Array.from({ length: GROUPS }, (_, group) => group)
    const find = (found, group, ...versions) => {
      if (found instanceof Error) return found.message
      return this.problemOf(
        found.find(({ id }) => id === idOf(group)),
        group,
        ...versions,
      )
    }
    await this.check(all, 'list', () => this.repository.list(), find)
    await this.check(
      all,
      'list of a page',
      () => this.repository.list({ limit: GROUPS + NOISE.length }),
      find,
    )
    await this.check(
      all,
      'summaries',
      () => this.repository.summaries(),
      (found, group, before, after) => {
        if (before !== after) return undefined
        if (found instanceof Error) return found.message
        const names = found.filter(({ id }) => id === idOf(group)).map(({ name }) => name)
        const expected = isAbsent(group, before) ? [] : [nameOf(group, namedVersion(group, before))]
        return names.join() === expected.join() ? undefined : `it is called ${names}`
      },
    )
    const status = STATUSES[this.checks % STATUSES.length]
    let [least, most] = [0, 0]
    await this.check(
      all,
      'count by status',
      () => this.repository.count({ status }),
      (found, group, before, after) => {
        const isIt = !isAbsent(group, before) && statusOf(namedVersion(group, before)) === status
        if (before === after && isIt) least += 1
        if (before !== after || isIt) most += 1
        if (group < GROUPS - 1) return undefined
        return found >= least && found <= most ? undefined : `${found} instead of ${least} to ${most}`
      },
    )
  }
}

/** Number of files and directories that this process has the kernel watch. */
function watches() {
  const infos = fs.readdirSync('/proc/self/fdinfo').map((name) => {
    try {
      return fs.readFileSync(`/proc/self/fdinfo/${name}`, 'utf8')
    } catch {
      return ''
    }
  })
  return infos.reduce((total, info) => total + (info.match(/^inotify /gm) ?? []).length, 0)
}

/** A thread of a reading process, with a repository for each path of the store. */
async function read(base) {
  const versions = new Versions(`${base}.versions`)
  const readers = [base, base, `${base}.link`].map((it) => new Reader(it, versions))
  let isLast = false
  for (let round = 0; !isLast; round++) {
    // Nothing changes during the last round.
    isLast = fs.existsSync(endOf.readers(base)) || readers.some(({ failures }) => failures.length > 20)
    for (const reader of readers) {
      for (let index = 0; index < 8; index++) await reader.checkOne((8 * round + index) % GROUPS)
      await reader.checkAll()
    }
  }
  const checks = readers.reduce((total, reader) => total + reader.checks, 0)
  const watched = watches()
  console.log(JSON.stringify({ checks, watched, failures: readers.flatMap(({ failures }) => failures) }))
}

/** A base directory that is replaced in every way, read after each step. */
async function replaceBase(base, rounds) {
  const repository = new FileGroupRepository(base)
  const failures = []
  let checks = 0
  const expectVersion = async (version) => {
    for (let again = 0; again < 3; again++) {
      const found = await repository.findById(idOf(0))
      const [, listed] = await Promise.all([repository.count(), repository.list({ limit: 10 })])
      const names = [found, ...listed].map((group) => group?.name)
      checks += 2
      const expected = version === null ? [undefined] : [0, 0, 1].map((group) => nameOf(group, version))
      if (names.join() !== expected.join()) failures.push(`${names} instead of ${expected}`)
    }
  }
  const make = (directory, version) => {
    for (const group of [0, 1]) {
      fs.mkdirSync(path.join(directory, idOf(group)), { recursive: true })
      fs.writeFileSync(path.join(directory, idOf(group), 'meta.json'), textOf(group, version))
    }
  }
  const [other, away] = [`${base}.other`, `${base}.away`]
  for (let version = 1; version <= 4 * rounds; version += 4) {
    make(base, version)
    await expectVersion(version)
    fs.renameSync(base, away)
    await expectVersion(null)
    make(other, version + 1)
    fs.renameSync(other, base)
    await expectVersion(version + 1)
    // The next one may have the same inode.
    fs.rmSync(base, { recursive: true })
    make(base, version + 2)
    await expectVersion(version + 2)
    fs.rmSync(base, { recursive: true })
    make(away, version + 3)
    fs.symlinkSync(away, base)
    await expectVersion(version + 3)
    fs.unlinkSync(base)
    await expectVersion(null)
    fs.rmSync(away, { recursive: true })
  }
  console.log(JSON.stringify({ checks, failures }))
}

/** Starts a process of this program. Each of its threads prints a line with its result. */
function start(index, args, isPolling) {
  const env = { ...process.env, SESSION_GROUPS_POLLING: isPolling ? '1' : '' }
  const { name, program } = RUNTIMES[index % RUNTIMES.length]
  const child = spawn(program, [FILE, ...args.map(String)], { env })
  const output = { out: '', error: '' }
  child.stdout.on('data', (text) => (output.out += text))
  child.stderr.on('data', (text) => (output.error += text))
  const ended = new Promise((resolve) => child.on('close', (code) => resolve({ name, code, ...output })))
  return { child, ended }
}

/** Has so much happen while a process does not run that the kernel keeps no record of it. */
async function overflow(base, children) {
  for (const child of children) child.kill('SIGSTOP')
  const files = NOISE.map((id) => fs.openSync(path.join(base, id, 'meta.json'), 'r+'))
  const limit = Number(fs.readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'))
  // In turns, since a notification is merged with an equal one before it.
  for (let number = 0; number <= limit; number++) fs.writeSync(files[number % files.length], '{', 0)
  for (const file of files) fs.closeSync(file)
  await pause(50)
  for (const child of children) child.kill('SIGCONT')
}

export function testLiveReads({ seconds, isPolling }) {
  return withDir(async (dir) => {
    const base = path.join(dir, 'store')
    const repository = new FileGroupRepository(base, { durability: 'process' })
    fs.writeFileSync(`${base}.versions`, Buffer.alloc(8 * GROUPS))
    const versions = new Versions(`${base}.versions`)
    for (const [group, version] of FIRST.entries()) {
      await repository.save(groupOf(group, version))
      for (const column of [ACKNOWLEDGED, BEGUN]) versions.set(group, column, version)
    }
    for (const id of NOISE) await repository.save({ ...createGroup('noise'), id, status: 'completed' })
    fs.symlinkSync(base, `${base}.link`)
    const writers = Array.from({ length: WRITERS }, (_, index) =>
      start(index, ['write', base, index], isPolling),
    )
    const readers = RUNTIMES.map((_, index) => start(index, ['read', base], isPolling))
    const children = readers.map(({ child }) => child)
    const parts = Math.ceil(seconds / 10)
    for (let part = 0; part < parts; part++) {
      await pause((seconds / parts / 2) * 1000)
      await overflow(base, children)
      await pause((seconds / parts / 2) * 1000)
    }
    fs.writeFileSync(endOf.writers(base), '')
    const replaced = await Promise.all(
      RUNTIMES.map((_, index) => start(index, ['replace', `${base}-${index}`, seconds], isPolling).ended),
    )
    const written = await Promise.all(writers.map(({ ended }) => ended))
    fs.writeFileSync(endOf.readers(base), '')
    const read = await Promise.all(readers.map(({ ended }) => ended))
    const failures = written.filter(({ code }) => code !== 0).map(({ error }) => `a writer ended: ${error}`)
    let checks = 0
    for (const { name, code, out, error } of [...read, ...replaced]) {
      if (code !== 0) failures.push(`${name} ended: ${error}`)
      for (const line of out.trim().split('\n').filter(Boolean)) {
        const result = JSON.parse(line)
        checks += result.checks
        failures.push(...result.failures.map((failure) => `${name}: ${failure}`))
        if (isPolling ? result.watched > 0 : result.watched < GROUPS)
          failures.push(`${name} watched ${result.watched} files`)
      }
    }
    const versionsWritten = versions.column(ACKNOWLEDGED).reduce((total, version) => total + version, 0)
    console.log(`  ${checks} checks of ${versionsWritten} versions`)
    return { passed: checks - failures.length, failures }
  })
}

if (!isMainThread) await read(workerData)
else if (process.argv[1] === FILE) {
  const [task, base, number] = process.argv.slice(2)
  if (task === 'write') await write(base, Number(number))
  if (task === 'replace') await replaceBase(base, Number(number))
  if (task === 'read') {
    new Worker(FILE, { workerData: base })
    await read(base)
  }
}
