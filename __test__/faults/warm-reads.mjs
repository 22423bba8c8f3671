// The system calls of reads whose answers are known: a handful where the kernel reports changes, however many groups there
// are, and one `stat` per group where it is not trusted.

import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { RUNTIMES } from '../../scripts/runtimes.mjs'
import { createGroup, FileGroupRepository, withDir } from './store.mjs'

const FILE = fileURLToPath(import.meta.url)
const GROUPS = 100
const MAX_CALLS = 5
const idOf = (number) => `20260115-103000-g${number}`

const READS = {
  count: (repository) => repository.count(),
  'count by status': (repository) => repository.count({ status: 'created' }),
  findById: (repository) => repository.findById(idOf(GROUPS / 2)),
  revision: (repository) => repository.revision(idOf(GROUPS / 2)),
  summaries: (repository) => repository.summaries(),
  list: (repository) => repository.list(),
  'list of a page': (repository) => repository.list({ limit: 20 }, { field: 'createdAt', direction: 'desc' }),
}

/** Calls that concern files. Others are those of the runtime's own threads. */
const FILE_CALLS =
  /^\d+ +(?:open\w*|\w*stat\w*|statx|access|faccessat\w*|readlink\w*|read|pread64|getdents64|inotify_\w+|fcntl|close)\(/

export function testWarmReads() {
  return withDir(async (dir) => {
    const base = path.join(dir, 'store')
    for (let number = 0; number < GROUPS; number++) {
      const group = path.join(base, idOf(number))
      mkdirSync(group, { recursive: true })
      writeFileSync(
        path.join(group, 'meta.json'),
        JSON.stringify({ ...createGroup('warm'), id: idOf(number) }),
      )
    }
    // A group that has just changed is not cached.
    await pause(200)
    const failures = []
    let passed = 0
    for (const { name: runtime, program } of RUNTIMES)
      for (const polling of ['', '1'])
        for (const [name, calls] of await trace(program, base, polling, path.join(dir, 'trace'))) {
          const problem = (polling ? problemOfPolling : problemOfWatching)(name, calls)
          if (problem) failures.push(`${name} on ${runtime}: ${problem}:\n${calls.join('\n')}`)
          else passed += 1
        }
    return { passed, failures }
  })
}

function problemOfWatching(_, calls) {
  if (calls.some((call) => call.includes('meta.json'))) return 'a group was looked at'
  return calls.length > MAX_CALLS ? `there were ${calls.length} calls` : undefined
}

function problemOfPolling(name, calls) {
  const ofGroups = calls.filter((call) => call.includes('meta.json'))
  const stats = ofGroups.filter((call) => /stat\w*\(/.test(call)).length
  if (!name.startsWith('count')) return ofGroups.length > 0 ? undefined : 'no group was looked at'
  const isEach = stats === GROUPS && ofGroups.length === GROUPS
  return isEach ? undefined : `there were ${stats} stats, and ${ofGroups.length} calls about groups`
}

/** Returns the calls of each kind of read. */
async function trace(program, base, polling, log) {
  const env = { ...process.env, SESSION_GROUPS_POLLING: polling }
  await promisify(execFile)('strace', ['-f', '-o', log, program, FILE, base], { env })
  const reads = new Map()
  let calls
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, mark] = line.match(/"\/mark ([^"]*)"/) ?? []
    if (mark !== undefined) {
      calls = mark === 'end' ? undefined : []
      if (calls) reads.set(mark, calls)
    } else if (FILE_CALLS.test(line)) calls?.push(line)
  }
  if (reads.size !== Object.keys(READS).length) throw new Error(`${program} has made ${reads.size} reads`)
  return reads
}

/** Reads until everything is known, and then once more between two marks in the trace. */
async function readAll(base) {
  const repository = new FileGroupRepository(base)
  const mark = (name) => statSync(`/mark ${name}`, { throwIfNoEntry: false })
  for (const [name, read] of Object.entries(READS)) {
    for (let round = 0; round < 4; round++) await read(repository)
    mark(name)
    await read(repository)
    mark('end')
  }
}

if (process.argv[1] === FILE) await readAll(process.argv[2])
