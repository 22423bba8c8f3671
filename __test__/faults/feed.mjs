// The feed of a group: writers are killed at each of their system calls, disks are full, and readers in other processes of
// Node and Bun still get each event once and in order, or are told of what is missing.

import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { RUNTIMES } from '../../scripts/runtimes.mjs'
import { fill, withDisk } from './full-disk.mjs'
import { createGroup, FileGroupRepository, ID, withDir } from './store.mjs'

const run = promisify(execFile)
const FILE = fileURLToPath(import.meta.url)
const KIB = 1024
/** Length of the prompts, which are cut to 4 KiB. */
const LONG = 4000

/** Reads the feed from the beginning, and returns the numbers that each of its entries stands for: `[from, to, isGap]`. */
async function entriesOf(base) {
  const entries = []
  for await (const event of new FileGroupRepository(base).events(ID)) entries.push(entryOf(event))
  return entries
}

function entryOf({ seq, type, from, prompt }) {
  if (type === 'feed_gap') return [from, seq, true]
  if (!prompt.startsWith(`${seq} `)) throw new Error(`the event ${seq} is ${prompt.slice(0, 20)}`)
  return [seq, seq, false]
}

/** Returns what is wrong with entries that should stand for all numbers from 1 to the last one, if anything. */
function problemOf(entries, last) {
  let expected = 1
  for (const [from, to] of entries) {
    if (from !== expected) return `after ${expected - 1} comes ${from}`
    expected = to + 1
  }
  return expected - 1 === last ? undefined : `the last one is ${expected - 1}, not ${last}`
}

/**
 * Checks the feed after a fault: a further commit succeeds, and then each number up to it is that of an event or in a gap.
 * Numbers that were acknowledged to be stored are those of events unless the fault may have prevented it.
 */
async function wrongAfter(driver, base) {
  const before = (await new FileGroupRepository(base).findById(ID)).eventSeq ?? 0
  const { stdout } = await run(driver, [base, '1', '2', '10'])
  if (stdout !== `begin\n${before + 2}\n`) return `a further commit said ${stdout}`
  const group = await new FileGroupRepository(base).findById(ID)
  if (group.counted !== before + 2) return `the group counts ${group.counted}, not ${before + 2}`
  const entries = await entriesOf(base)
  const isThere = entries.slice(-2).every(([, , isGap]) => !isGap)
  return problemOf(entries, before + 2) ?? (isThere ? undefined : 'its events are missing')
}

/** A store with a group, and a feed that is nearly full if that is asked for. */
async function prepare(driver, base, isNearlyFull) {
  await new FileGroupRepository(base).save(createGroup('old'))
  await run(driver, [base, '2', '3', '10'])
  if (isNearlyFull) await run(driver, [base, '16', '127', String(LONG)])
}

/** The system calls on files of a commit, each with its number among those of its name. */
async function trace(driver, base, args, log) {
  await run('strace', ['-y', '-o', log, driver, base, ...args])
  const counts = new Map()
  const calls = []
  let begun = false
  for (const text of readFileSync(log, 'utf8').split('\n')) {
    const name = text.match(/^(\w+)\(/)?.[1]
    if (name === undefined) continue
    counts.set(name, (counts.get(name) ?? 0) + 1)
    if (begun && text.includes(base)) calls.push({ name, number: counts.get(name), text })
    if (/^write\(1.*"begin/.test(text)) begun = true
  }
  return calls
}

/** A writer is killed at each system call of a commit, or the call fails: then the next commit reports what is missing. */
export function testFeedCalls(driver, { every }) {
  return withDir(async (dir) => {
    const failures = []
    let points = 0
    let tried = 0
    const seen = { gaps: 0, replaced: 0 }
    for (const isNearlyFull of [false, true]) {
      const store = path.join(dir, `store-${isNearlyFull}`)
      const base = path.join(dir, 'base')
      const reset = () => {
        rmSync(base, { recursive: true, force: true })
        cpSync(store, base, { recursive: true, preserveTimestamps: true })
      }
      await prepare(driver, store, isNearlyFull)
      reset()
      const args = ['1', '40', String(LONG)]
      const calls = await trace(driver, base, args, path.join(dir, 'trace'))
      if (existsSync(path.join(base, ID, 'events.1.jsonl'))) seen.replaced += 1
      for (const { name, number, text } of calls) {
        const faults = ['signal=KILL', 'error=EIO', 'error=ENOSPC']
        for (const fault of name === 'write' ? [...faults, 'retval=1', 'retval=5000'] : faults) {
          points += 1
          if (points % every !== 0 && !fault.startsWith('retval')) continue
          tried += 1
          reset()
          const injection = `inject=${name}:${fault}:when=${number}`
          await run('strace', ['-o', '/dev/null', '-e', injection, driver, base, ...args]).catch(() => {})
          const wrong = await wrongAfter(driver, base).catch((error) => error)
          if (wrong) failures.push(`${text}, ${fault}: ${wrong}`)
          else if ((await entriesOf(base)).some(([, , isGap]) => isGap)) seen.gaps += 1
        }
      }
    }
    if (seen.gaps === 0) failures.push('no fault came between a commit and its events')
    if (seen.replaced !== 1) failures.push('no file was replaced, or each time')
    return { passed: tried, failures }
  })
}

/** The disk is full after each further 4 KiB of a commit: the commit fails, or the next one reports what is missing. */
export async function testFullFeed(driver, { step }) {
  const failures = []
  let passed = 0
  let gaps = 0
  for (let free = 0; free <= 64; free += step) {
    await withDisk('size=2m', async (disk) => {
      const base = path.join(disk, 'store')
      await prepare(driver, base, false)
      fill(disk, free * KIB)
      const { stdout } = await run(driver, [base, '1', '12', String(LONG)])
      rmSync(path.join(disk, '.filler'))
      const wrong = await wrongAfter(driver, base).catch((error) => error)
      if (wrong) failures.push(`${free} KiB free, it said ${stdout}: ${wrong}`)
      else passed += 1
      if ((await entriesOf(base)).some(([, , isGap]) => isGap)) gaps += 1
    })
  }
  if (gaps === 0) failures.push('no disk was full between a commit and its events')
  return { passed, failures }
}

/**
 * A process of a reader: follows the feed up to the deletion of the group, and prints each number that is a multiple of a round,
 * what is wrong, or in the end how many events it got.
 */
async function follow(base, round) {
  const events = new FileGroupRepository(base).events(ID, { follow: true })
  let expected = 1
  console.log(0)
  for await (const event of events) {
    if (event.seq !== expected) return console.log(`after ${expected - 1} comes ${event.seq}, ${event.type}`)
    expected += 1
    if (event.type === 'group_deleted') return console.log(`${event.seq - 1} events`)
    entryOf(event)
    if (event.seq % round === 0) console.log(event.seq)
  }
  console.log('it ended before the group was deleted')
}

/** Starts a reader in a process of its own. `reaches` waits until it has printed a number, or has ended. */
function startReader(index, base, round) {
  const { program } = RUNTIMES[index % RUNTIMES.length]
  const child = spawn(program, [FILE, base, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const printed = []
  let look = () => {}
  createInterface(child.stdout).on('line', (line) => {
    printed.push(line)
    look()
  })
  const done = new Promise((resolve) => child.on('close', () => resolve(printed.at(-1))))
  const prints = (number) =>
    new Promise((resolve) => {
      look = () => printed.includes(String(number)) && resolve()
      look()
    })
  return { done, reaches: (number) => Promise.race([done, prints(number)]) }
}

/**
 * Eight processes read while one or several write and replace files: each gets every number once. A round is less than what
 * is kept, so that nobody is left behind.
 */
export function testFeedReaders(driver, { writers, rounds }) {
  return withDir(async (base) => {
    const repository = new FileGroupRepository(base, { durability: 'process' })
    await repository.save(createGroup('old'))
    const commits = 64 / writers
    const round = 16 * commits * writers
    const readers = Array.from({ length: 8 }, (_, index) => startReader(index, base, round))
    for (let done = 0; done <= rounds; done++) {
      await Promise.all(readers.map(({ reaches }) => reaches(done * round)))
      if (done === rounds) break
      const args = [base, String(commits), '16', String(LONG)]
      await Promise.all(Array.from({ length: writers }, () => run(driver, args)))
    }
    const { eventSeq, counted } = await repository.findById(ID)
    const failures = []
    if (eventSeq !== rounds * round || counted !== eventSeq)
      failures.push(`${eventSeq} events were numbered, ${counted} counted`)
    if (!existsSync(path.join(base, ID, 'events.1.jsonl'))) failures.push('no file was replaced')
    await repository.delete(ID)
    const got = await Promise.all(readers.map(({ done }) => done))
    const wrong = got.filter((count) => count !== `${eventSeq} events`)
    return { passed: 8 - wrong.length, failures: [...failures, ...wrong] }
  })
}

if (process.argv[1] === FILE) await follow(process.argv[2], Number(process.argv[3]))
