// A runner is killed at each of its own system calls, lacks file descriptors, memory and processes, and its disk is full for a
// while: another one takes the group up, each session ends once, costs are those that were billed, and nothing is left running.

import { execFile } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { fill, leaveInodes, withDisk } from './full-disk.mjs'
import { createGroup, FileGroupRepository, ID, withDir } from './store.mjs'

const run = promisify(execFile)

/** The system calls by which a runner changes something. Which of them are there depends on the C library. */
const CALLS = [
  ...['openat', 'openat2', 'mkdir', 'mkdirat', 'unlink', 'unlinkat', 'rename', 'renameat', 'renameat2'],
  ...['write', 'pwrite64', 'writev', 'fallocate', 'ftruncate', 'utimensat', 'fsync', 'fdatasync'],
  ...['flock', 'fcntl'],
  ...['execve', 'clone', 'clone3', 'fork', 'vfork', 'pipe2', 'waitid', 'wait4'],
  ...['kill', 'pidfd_open', 'pidfd_send_signal', 'inotify_add_watch'],
]

/** Maximum number of further runs after which a group must have ended. */
const MAX_RUNS = 10

/** A store, a project and a group of two sessions, the second of which waits for the first. */
async function prepare(dir, { turnMs = 10, store = path.join(dir, 'store') } = {}) {
  const project = path.join(dir, 'project')
  const ledger = path.join(dir, 'ledger')
  for (const each of [project, path.join(dir, 'conversations')]) mkdirSync(each)
  const group = createGroup('old')
  const config = { generateClaudeMd: false, generateSettings: true }
  const session = { ...group.sessions[0], projectPath: project, prompt: 'Do it.', config }
  const sessions = [session, { ...session, id: 'b', dependsOn: ['a'] }]
  const repository = new FileGroupRepository(store)
  await repository.save({ ...group, sessions })
  const env = {
    ...process.env,
    FAKE_LEDGER: ledger,
    FAKE_CONVERSATIONS: path.join(dir, 'conversations'),
    FAKE_TURN_MS: String(turnMs),
  }
  const notes = (word) =>
    (existsSync(ledger) ? readFileSync(ledger, 'utf8') : '')
      .split('\n')
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => line.slice(word.length + 1))
  return { store, repository, env, notes }
}

const isAlive = (pid) => {
  // A process that has ended is not alive, even if nobody has asked for its exit code yet.
  const file = `/proc/${pid}/stat`
  return existsSync(file) && !/\) Z /.test(readFileSync(file, 'utf8'))
}

/** Returns what is wrong with a group that has ended. `bills` has the requests of a session that was interrupted. */
async function problemsOf({ repository, notes }, { bills: expected = {}, isCostKnown = true } = {}) {
  const { status, sessions } = await repository.findById(ID)
  const problems = notes('double').map((id) => `two processes for ${id}`)
  if (status !== 'completed') problems.push(`the group is ${status}`)
  for (const { id, status, attempts, claudeSessionId } of sessions) {
    if (status !== 'completed') problems.push(`${id} is ${status}`)
    const completed = attempts.filter(({ outcome }) => outcome === 'completed')
    if (completed.length !== 1) problems.push(`${id} has completed ${completed.length} times`)
    if (attempts.some(({ endedAt }) => endedAt === undefined)) problems.push(`an attempt of ${id} is open`)
    const bills = notes('bill').filter((line) => line.startsWith(claudeSessionId))
    if (bills.length !== (expected[id] ?? 1)) problems.push(`${id} was billed ${bills.length} times`)
  }
  const sum = (amounts) => amounts.reduce((total, amount) => total + amount, 0)
  const billed = sum(notes('bill').map((line) => Number(line.split(' ').at(-1))))
  const stored = sum(sessions.map(({ cost }) => cost ?? 0))
  if (isCostKnown && Math.abs(billed - stored) > 1e-9)
    problems.push(`$${billed} were billed, $${stored} are stored`)
  for (const pid of notes('process')) if (isAlive(pid)) problems.push(`the process ${pid} lives`)
  const reported = []
  for await (const { type, sessionId } of repository.events(ID))
    reported.push(type === 'feed_gap' ? type : `${type} ${sessionId ?? ''}`)
  for (const { id } of sessions) {
    const times = reported.filter((entry) => entry === `group_session_completed ${id}`).length
    // The event itself may be missing, which the feed says.
    if (times > 1 || (times === 0 && !reported.includes('feed_gap')))
      problems.push(`the end of ${id} is reported ${times} times`)
  }
  return problems
}

/** Lets runners take a group up until it has ended. Returns what is wrong then. */
async function takeUp({ driver, claude }, world, expected) {
  let said
  for (let runs = 0; runs < MAX_RUNS && said !== 'completed'; runs++) {
    const { stdout } = await run(driver, [world.store, claude], { env: world.env })
    said = stdout.trim()
  }
  return said === 'completed' ? problemsOf(world, expected) : [`runs end with ${said}`]
}

/** Options of strace for all threads of a runner, but not for the programs that it starts. */
const TRACED = ['-f', '-b', 'execve']

/** Returns the system calls of an undisturbed run, by name: the maximum number of any thread, which strace counts apart. */
async function countCalls({ driver, claude }, names = CALLS) {
  return withDir(async (dir) => {
    const world = await prepare(dir)
    const log = path.join(dir, 'trace')
    const args = [...TRACED, '-o', log, driver, world.store, claude]
    const { stdout } = await run('strace', args, { env: world.env })
    if (stdout !== 'completed\n') throw new Error(`a run under strace said ${stdout}`)
    const lines = readFileSync(log, 'utf8').matchAll(/^(\d+) +(\w+)\(/gm)
    const calls = Array.from(lines, ([, thread, name]) => ({ thread, name }))
    // A child that is about to execute a program: each one would be killed, which is for the session to survive.
    const children = new Set(calls.filter(({ name }) => name === 'setsid').map(({ thread }) => thread))
    const counts = new Map()
    const most = new Map()
    for (const { thread, name } of calls) {
      if (!names.includes(name) || children.has(thread)) continue
      const count = (counts.get(`${thread} ${name}`) ?? 0) + 1
      counts.set(`${thread} ${name}`, count)
      most.set(name, Math.max(most.get(name) ?? 0, count))
    }
    return most
  })
}

/** Kills a runner at one system call. Returns what is wrong once others have taken the group up. */
function killAt(programs, name, number) {
  return withDir(async (dir) => {
    const world = await prepare(dir)
    const kill = `inject=${name}:signal=KILL:when=${number}`
    const args = [...TRACED, '-o', '/dev/null', '-e', kill, programs.driver, world.store, programs.claude]
    await run('strace', args, { env: world.env }).catch(() => {})
    return takeUp(programs, world)
  })
}

/** Kills a runner at each of its system calls, or at some of each name. */
export async function testRunnerCalls(programs, { ofEachName = Number.POSITIVE_INFINITY } = {}) {
  const calls = [...(await countCalls(programs))]
  const failures = []
  let tried = 0
  for (const [name, count] of calls) {
    const step = Math.max(1, count / ofEachName)
    // From the end on, so that a part of them is not of the start of the program.
    for (let place = count; place > 0; place -= step) {
      const number = Math.ceil(place)
      tried += 1
      const problems = await killAt(programs, name, number)
      failures.push(...problems.map((problem) => `killed at ${name} ${number}: ${problem}`))
    }
  }
  const all = calls.reduce((sum, [, count]) => sum + count, 0)
  console.log(
    `  killed at ${tried} of ${all} system calls: ${calls.map((call) => call.join(' ')).join(', ')}`,
  )
  return { passed: Math.max(0, tried - failures.length), failures }
}

/** What a runner may lack for a moment, and the system calls that say so. Which of them are there depends on the C library. */
const SHORTAGES = [
  ['EMFILE', ['openat', 'openat2', 'pipe2', 'fcntl', 'pidfd_open', 'inotify_init1', 'eventfd2']],
  ['EAGAIN', ['clone', 'clone3', 'fork', 'vfork']],
  ['ENOMEM', ['clone', 'clone3', 'fork', 'vfork', 'inotify_add_watch', 'openat']],
]

/** Lets one system call of a runner fail for lack of something, then lets others take the group up. Returns what is wrong. */
function lackAt(programs, name, number, error) {
  return withDir(async (dir) => {
    const world = await prepare(dir)
    const fault = `inject=${name}:error=${error}:when=${number}`
    // A start is tried again after the last argument, in milliseconds.
    const args = [
      ...TRACED,
      '-o',
      '/dev/null',
      '-e',
      fault,
      programs.driver,
      world.store,
      programs.claude,
      '300',
    ]
    const { stdout } = await run('strace', args, { env: world.env, timeout: 60_000 })
    // Nothing is wrong with the program or the group.
    const isWrong = ['CLAUDE_NOT_FOUND\n', 'failed\n', 'paused\n'].includes(stdout)
    const wrong = isWrong ? [`the run ended with ${stdout}`] : []
    const left = world.notes('process').filter(isAlive)
    return [
      ...wrong,
      ...left.map((pid) => `the process ${pid} outlives the run`),
      ...(await takeUp(programs, world)),
    ]
  })
}

/** A runner lacks something at each of its system calls that may say so, or at some of each name. */
export async function testRunnerShortages(programs, { ofEachName = Number.POSITIVE_INFINITY } = {}) {
  const failures = []
  let tried = 0
  for (const [error, names] of SHORTAGES) {
    for (const [name, count] of await countCalls(programs, names)) {
      const step = Math.max(1, count / ofEachName)
      for (let place = count; place > 0; place -= step) {
        const number = Math.ceil(place)
        tried += 1
        const problems = await lackAt(programs, name, number, error)
        failures.push(...problems.map((problem) => `${error} at ${name} ${number}: ${problem}`))
      }
    }
  }
  return { passed: Math.max(0, tried - failures.length), failures }
}

/** Calls that fail for lack of descriptors while a runner looks at what a killed one left: one, or all. */
const LOOKS = ['1', '2', '3', '4', '5', '6', '1+']

/** A runner lacks descriptors while it looks at what a killed one left: it looks again, or says what it lacks. */
export async function testShortagesAtRecovery(programs) {
  const failures = []
  const cases = [true, false].flatMap((isAlive) => LOOKS.map((when) => ({ isAlive, when })))
  for (const { isAlive, when } of cases) {
    const problems = await withDir((dir) => recoverWithout(programs, { dir, isAlive, when }))
    const name = `of a process that ${isAlive ? 'lives' : 'is gone'}, calls ${when}`
    failures.push(...problems.map((problem) => `${name}: ${problem}`))
  }
  return { passed: Math.max(0, cases.length - failures.length), failures }
}

async function recoverWithout(programs, { dir, isAlive: livesOn, when }) {
  const world = await prepare(dir, { turnMs: livesOn ? 1500 : 300 })
  const directory = path.join(world.store, ID, 'sessions', 'a')
  const killed = run(programs.driver, [world.store, programs.claude], { env: world.env })
  const hasPrinted = () => statSync(path.join(directory, '1.jsonl'), { throwIfNoEntry: false })?.size > 0
  while (!hasPrinted()) await Promise.race([killed, pause(2)])
  killed.child.kill('SIGKILL')
  await killed.catch(() => {})
  while (!livesOn && world.notes('process').some(isAlive)) await pause(5)
  const fault = ['-P', directory, '-e', `inject=openat,openat2:error=EMFILE:when=${when}`]
  const args = [...TRACED, '-o', '/dev/null', ...fault, programs.driver, world.store, programs.claude]
  const { stdout, stderr } = await run('strace', [...args, '600'], { env: world.env, timeout: 60_000 })
  if (!when.endsWith('+'))
    return stdout === 'completed\n' ? problemsOf(world) : [`the run ended with ${stdout}${stderr}`]
  const isTold = stdout === 'IO\n' && stderr.includes('Too many open files')
  const problems = isTold ? [] : [`the run ended with ${stdout}${stderr}`]
  return [...problems, ...(await takeUp(programs, world))]
}

/** Sessions leave a process behind while the runner cannot look at the processes of the machine: it is ended later. */
export async function testLooksWithoutDescriptors(programs) {
  const failures = []
  const behaviours = ['leaves_a_tool', 'leaves_a_deaf_tool', 'starts_a_chain', 'clears_the_environment']
  for (const behaviour of behaviours) {
    const problems = await withDir(async (dir) => {
      const world = await prepare(dir)
      // The first ones belong to the start of the run and of the session.
      const fault = ['-P', '/proc', '-e', 'inject=openat:error=EMFILE:when=4..20']
      const args = [...TRACED, '-o', '/dev/null', ...fault, programs.driver, world.store, programs.claude]
      const env = { ...world.env, FAKE_BEHAVIOUR: behaviour }
      const { stdout } = await run('strace', args, { env, timeout: 60_000 })
      // Each turn asks the model twice: before and after the tool.
      const bills = { a: 2, b: 2 }
      return stdout === 'completed\n' ? problemsOf(world, { bills }) : [`the run ended with ${stdout}`]
    })
    failures.push(...problems.map((problem) => `${behaviour}: ${problem}`))
  }
  return { passed: Math.max(0, behaviours.length - failures.length), failures }
}

/** Reads of the output of a session that fail, by the number of the first and the last. The whole run has five or more. */
const UNREAD = ['1', '2', '3', '4', '5', '1..4', '3..8', '1+', '2+', '3+']

/** Reads of the output of the first session fail, once, for a while or until the run ends: it is not run again. */
export async function testUnreadableOutput(programs) {
  const failures = []
  for (const when of UNREAD) {
    const problems = await withDir(async (dir) => {
      const world = await prepare(dir, { turnMs: 100 })
      const output = path.join(world.store, ID, 'sessions', 'a', '1.jsonl')
      const fault = ['-P', output, '-e', `inject=pread64:error=EIO:when=${when}`]
      const args = [...TRACED, '-o', '/dev/null', ...fault, programs.driver, world.store, programs.claude]
      // Given up after the last argument, in milliseconds.
      const patience = when.endsWith('+') ? '500' : '60000'
      const { stdout, stderr } = await run('strace', [...args, patience], { env: world.env, timeout: 60_000 })
      if (!when.endsWith('+'))
        return stdout === 'completed\n' ? problemsOf(world) : [`the run ended with ${stdout}`]
      const problems = world
        .notes('process')
        .filter(isAlive)
        .map((pid) => `the process ${pid} lives`)
      if (stdout !== 'IO\n' || !stderr.includes(output) || !stderr.includes('Input/output error'))
        problems.push(`the run ended with ${stdout}${stderr}`)
      return [...problems, ...(await takeUp(programs, world))]
    })
    failures.push(...problems.map((problem) => `reads ${when}: ${problem}`))
  }
  return { passed: Math.max(0, UNREAD.length - failures.length), failures }
}

/** Writes of a run to its feed that fail, by the number of the first and the last. The whole run has at least four. */
const UNWRITTEN = ['1', '2', '3', '4', '2..3', '3..4', '4..5']

/** There is no space for the events of a run: the last one is in the feed all the same, since it is written again. */
export async function testFeedOfRunner(programs) {
  const failures = []
  for (const when of UNWRITTEN) {
    const problems = await withDir(async (dir) => {
      const world = await prepare(dir)
      const fault = ['-P', path.join(world.store, ID, 'events.jsonl')]
      fault.push('-e', `inject=write:error=ENOSPC:when=${when}`)
      const args = [...TRACED, '-o', '/dev/null', ...fault, programs.driver, world.store, programs.claude]
      const { stdout } = await run('strace', args, { env: world.env, timeout: 60_000 })
      if (stdout !== 'completed\n') return [`the run ended with ${stdout}`]
      const events = []
      for await (const event of world.repository.events(ID)) events.push(event)
      const { eventSeq } = await world.repository.findById(ID)
      const { type, seq } = events.at(-1)
      const isLast = type === 'group_completed' && seq === eventSeq
      return [...(isLast ? [] : [`the last event is ${seq} ${type}`]), ...(await problemsOf(world))]
    })
    failures.push(...problems.map((problem) => `writes ${when}: ${problem}`))
  }
  return { passed: Math.max(0, UNWRITTEN.length - failures.length), failures }
}

/** Fills a disk to its last block. */
function fillUp(disk) {
  const filler = openSync(path.join(disk, '.filler'), 'w')
  try {
    for (;;) writeSync(filler, Buffer.alloc(4096))
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error
  } finally {
    closeSync(filler)
  }
}

/**
 * The disk of the store has no space left while a session ends, until it is emptied again. The session has begun to print before,
 * and the rest fits into the same block: a program that cannot print has lost its result.
 */
export async function testRunnerOnFullDisk({ driver, claude }, { rounds }) {
  const failures = []
  for (let round = 0; round < rounds; round++) {
    const problems = await withDir((dir) =>
      withDisk('size=4m', async (disk) => {
        const world = await prepare(dir, { turnMs: 300, store: path.join(disk, 'store') })
        const running = run(driver, [world.store, claude], { env: world.env, timeout: 60_000 })
        const output = path.join(world.store, ID, 'sessions', 'a', '1.jsonl')
        const until = async (holds) => {
          while (!holds()) await pause(2)
        }
        const hasPrinted = () => statSync(output, { throwIfNoEntry: false })?.size > 0
        await Promise.race([running, until(hasPrinted)])
        fillUp(disk)
        // The space allocated for the output is free again when the session has ended, but a commit also needs a new file.
        leaveInodes(disk, 0)
        await Promise.race([running, until(() => world.notes('cost').length > 0)])
        // The runner has tried by then to store the end of the session.
        await pause(200 + 300 * round)
        const { sessions } = await world.repository.findById(ID)
        rmSync(path.join(disk, '.filler'))
        leaveInodes(disk, 100)
        const { stdout } = await running
        if (stdout !== 'completed\n') return [`the run ended with ${stdout}`]
        if (sessions[0].status !== 'active') return ['the end of the session was stored on a full disk']
        return problemsOf(world)
      }),
    )
    failures.push(...problems.map((problem) => `round ${round + 1}: ${problem}`))
  }
  return { passed: Math.max(0, rounds - failures.length), failures }
}

/** Sessions that cannot write their output on a full disk, and what becomes of them once there is space again. */
const FULL_DISKS = [
  {
    name: 'a session prints on',
    env: { FAKE_BEHAVIOUR: 'floods_its_output' },
    // The interrupted turn and the resumed one.
    expected: { bills: { a: 2 } },
    outcomes: ['interrupted', 'completed'],
  },
  {
    name: 'a session prints more at once than there is allocated for it',
    env: { FAKE_BEHAVIOUR: 'prints_a_long_line', FAKE_LINE_MB: '3' },
    // The result of the first turn is lost.
    expected: { bills: { a: 2 }, isCostKnown: false },
    outcomes: ['crashed', 'completed'],
  },
  {
    name: 'a session of a killed runner prints on',
    env: { FAKE_BEHAVIOUR: 'floods_its_output' },
    isAdopted: true,
    // It is terminated before it asks the model anything, so that the second attempt finds no conversation.
    expected: {},
    outcomes: ['crashed', 'crashed', 'completed'],
  },
  {
    name: 'a session is to start',
    env: {},
    free: 512 * 1024,
    expected: {},
    // Its last start was stored and given up.
    outcomes: ['killed', 'completed'],
  },
]

/** The disk of the store has no space left for the output of a session: the run ends with an error, and another one goes on. */
export async function testOutputOnFullDisk(programs) {
  const failures = []
  for (const { name, ...session } of FULL_DISKS) {
    const problems = await withDir((dir) =>
      withDisk('size=8m', (disk) => runOnFullDisk(programs, { ...session, dir, disk })),
    )
    failures.push(...problems.map((problem) => `${name}: ${problem}`))
  }
  return { passed: Math.max(0, FULL_DISKS.length - failures.length), failures }
}

async function runOnFullDisk({ driver, claude }, { dir, disk, env, free, isAdopted, expected, outcomes }) {
  const world = await prepare(dir, { turnMs: 500, store: path.join(disk, 'store') })
  const output = path.join(world.store, ID, 'sessions', 'a', '1.jsonl')
  if (free !== undefined) fill(disk, free)
  const args = [world.store, claude, '2000']
  const start = () => run(driver, args, { env: { ...world.env, ...env }, timeout: 30_000 })
  let running = start()
  if (free === undefined) {
    const hasPrinted = () => statSync(output, { throwIfNoEntry: false })?.size > 0
    while (!hasPrinted()) await Promise.race([running, pause(2)])
    if (isAdopted) {
      running.child.kill('SIGKILL')
      await running.catch(() => {})
    }
    fillUp(disk)
    if (isAdopted) running = start()
  }
  const { stdout, stderr } = await running
  const problems = []
  if (stdout !== 'IO\n' || !stderr.includes(output) || !stderr.includes('No space left'))
    problems.push(`the run ended with ${stdout}${stderr}`)
  for (const pid of world.notes('process')) if (isAlive(pid)) problems.push(`the process ${pid} lives`)
  rmSync(path.join(disk, '.filler'))
  problems.push(...(await takeUp({ driver, claude }, world, expected)))
  const { sessions } = await world.repository.findById(ID)
  const found = sessions[0].attempts.map(({ outcome }) => outcome)
  if (String(found) !== String(outcomes)) problems.push(`the attempts ended as ${found}`)
  if (expected.isCostKnown === false && !sessions[0].attempts[0].estimated)
    problems.push('a lost cost counts as known')
  return problems
}
