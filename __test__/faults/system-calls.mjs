// Every system call of every operation fails once, in every way, or is the last one of its process. Whatever the
// operation then says of itself must be true, and the store must be whole.

import { execFile } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createGroup, FileGroupRepository, mustBeWhole, stateOf, withDir } from './store.mjs'

const run = promisify(execFile)

/** The operations, what is stored before them and, once they are acknowledged, after. */
const OPERATIONS = [
  { operation: 'save', before: 'absent', after: 'new' },
  { operation: 'save', before: 'old', after: 'new' },
  { operation: 'save-again', before: 'old', after: 'old' },
  { operation: 'update', before: 'old', after: 'new' },
  { operation: 'update-session', before: 'old', after: 'new' },
  { operation: 'batch', before: 'old', after: 'new' },
  { operation: 'update-watched', before: 'old', after: 'new' },
  { operation: 'delete', before: 'old', after: 'absent' },
  { operation: 'find', before: 'old', after: 'old' },
  { operation: 'list', before: 'old', after: 'old' },
]
const ERRORS = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EMFILE']
const FAULTS = ['signal=KILL', ...ERRORS.map((error) => `error=${error}`)]

/** Calls that have nothing to do with files. */
const OTHERS = [
  'getrandom',
  'mmap',
  'munmap',
  'brk',
  'sigaltstack',
  'exit_group',
  'futex',
  'rt_sigaction',
  'mprotect',
]

/** Returns the states that may be stored after an outcome. An outcome that is not allowed has none. */
function allowedStates(said, { before, after }) {
  if (said === 'acknowledged' || said === 'NOT_DURABLE') return [after]
  if (said === 'NOT_COMMITTED') return [before]
  if (said === 'IO' && before === after) return [before]
  return said === '' ? [before, after] : []
}

export async function testSystemCalls(driver, { every }) {
  return withDir(async (dir) => {
    let points = 0
    let tried = 0
    const failures = []
    for (const operation of OPERATIONS) {
      const store = path.join(dir, `${operation.operation}-${operation.before}`)
      if (operation.before === 'old') await new FileGroupRepository(store).save(createGroup('old'))
      const calls = await trace(driver, operation, store, dir)
      failures.push(...wrongOrder(operation, calls, path.join(dir, 'base')))
      for (const call of calls) {
        const faults = call.name === 'write' ? [...FAULTS, 'retval=100'] : FAULTS
        for (const fault of faults) {
          points += 1
          // There are few short writes: each of them is always tried.
          if (points % every !== 0 && !fault.startsWith('retval')) continue
          tried += 1
          const failure = await inject(driver, operation, store, dir, call, fault)
          if (failure)
            failures.push(`${operation.operation} (${operation.before}), ${call.text}, ${fault}: ${failure}`)
        }
      }
    }
    return { passed: tried - failures.length, failures }
  })
}

/**
 * Someone removes the locks just before one is taken: a lock on a file that is gone would exclude nobody, so it is taken
 * anew, where others see it.
 */
export function testRemovedLocks(driver) {
  return withDir(async (base) => {
    await new FileGroupRepository(base).save(createGroup('old'))
    const locks = path.join(base, '.locks')
    const delay = 'inject=flock:delay_enter=400000:when=1'
    const writing = run('strace', ['-o', '/dev/null', '-e', delay, driver, base, 'update'])
    await pause(200)
    rmSync(locks, { recursive: true })
    const { stdout } = await writing
    const failures = []
    if (stdout !== 'begin\nacknowledged\n') failures.push(`the writer said ${stdout}`)
    if (!existsSync(locks)) failures.push('the writer held a lock that nobody else could see')
    await mustBeWhole(base)
    return { passed: 1 - failures.length, failures }
  })
}

/** A copy of the store as it was before the operation. */
function copyOf(store, { before }, dir) {
  const base = path.join(dir, 'base')
  rmSync(base, { recursive: true, force: true })
  if (before === 'old') cpSync(store, base, { recursive: true })
  return base
}

/** The system calls of an undisturbed operation, each with its number among those of its name. */
async function trace(driver, operation, store, dir) {
  const base = copyOf(store, operation, dir)
  const log = path.join(dir, 'trace')
  const { stdout } = await run('strace', ['-y', '-o', log, driver, base, operation.operation])
  if (stdout !== 'begin\nacknowledged\n') throw new Error(`${operation.operation} said ${stdout}`)
  const counts = new Map()
  const calls = []
  let begun = false
  for (const text of readFileSync(log, 'utf8').split('\n')) {
    const name = text.match(/^(\w+)\(/)?.[1]
    if (name === undefined) continue
    counts.set(name, (counts.get(name) ?? 0) + 1)
    if (/^write\(1.*"acknowledged/.test(text)) calls.push({ name: 'acknowledged', text })
    else if (begun && !OTHERS.includes(name)) calls.push({ name, number: counts.get(name), text })
    if (/^write\(1.*"begin/.test(text)) begun = true
  }
  return calls
}

/** Classifies the directory or file of a system call. */
function placeOf(base, file) {
  const place = path.relative(base, file)
  if (place === '') return 'base'
  if (place.startsWith('..')) return 'above'
  if (place === '.trash') return 'trash'
  return place.includes(path.sep) ? 'file' : 'group'
}

/** Checks that the file is fsynced before the rename, and the rename before the acknowledgement. */
function wrongOrder({ operation, before }, calls, base) {
  const steps = calls.flatMap(({ name, text }) => {
    if (name === 'openat' && text.includes('O_EXCL'))
      return text.includes('O_NOFOLLOW') ? ['create'] : ['follow links']
    if (name === 'fsync') return [`sync ${placeOf(base, text.match(/<(.*)>/)[1])}`]
    if (name === 'write') return ['write']
    if (name === 'renameat') return ['rename']
    return name === 'acknowledged' ? ['acknowledge'] : []
  })
  const found = steps.join(', ')
  // Those above and the base itself: someone may have made them and died before the disk had them.
  const made = '(sync above, )+'
  const put = `${made}sync base, create, write, sync file, rename, sync group, acknowledge`
  const expected = {
    save: put,
    update: put,
    'update-session': put,
    'update-watched': put,
    batch: put,
    'save-again': `${made}sync file, sync base, sync group, acknowledge`,
    delete: `${made}rename, sync base, sync trash, acknowledge`,
    find: 'acknowledge',
    list: 'acknowledge',
  }[operation]
  return new RegExp(`^${expected}$`).test(found) ? [] : [`${operation} (${before}): the order is ${found}`]
}

async function inject(driver, operation, store, dir, { name, number }, fault) {
  if (name === 'acknowledged') return undefined
  const base = copyOf(store, operation, dir)
  const injection = `inject=${name}:${fault}:when=${number}`
  const outcome = await run('strace', [
    '-o',
    '/dev/null',
    '-e',
    injection,
    driver,
    base,
    operation.operation,
  ]).catch((error) => error)
  const said = outcome.stdout.split('\n')[1] ?? ''
  if (said === '' && fault !== 'signal=KILL') return `it ended without a word: ${outcome.stderr}`
  try {
    const state = await stateOf(base)
    const allowed = allowedStates(said, operation)
    if (!allowed.includes(state)) return `it said ${said || 'nothing'}, and ${state} is stored`
    await mustBeWhole(base)
  } catch (error) {
    return `it said ${said || 'nothing'}, and then: ${error}`
  }
  return undefined
}
