// Runs the same cases on this store and on common alternatives: `write-file-atomic`, alone and with `proper-lockfile`.
// `npm run test:others` prints a table in Markdown. The packages are installed under target/.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, release } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { main, must, root, run } from '../../scripts/process.mjs'
import { RUNTIMES } from '../../scripts/runtimes.mjs'
import { setUp } from '../../scripts/setup.mjs'
import { fill, withDisk } from './full-disk.mjs'
import { createGroup, FileGroupRepository, ID, withDir } from './store.mjs'
import { cannotMount, lacks } from './tools.mjs'

const FILE = fileURLToPath(import.meta.url)
const VERSIONS = { 'write-file-atomic': '8.0.0', 'proper-lockfile': '4.1.2' }
const PACKAGES = path.join(root, 'target', 'others')
const INCREMENTS = 100
const PROCESSES = 8
const KILLS = 20
/** Time without an acknowledgement after which the surviving writers count as stalled, in milliseconds. */
const STOPPED = 1000

const others = createRequire(path.join(PACKAGES, 'package.json'))

/** Creates a store of one group in a file, as a program without this package would. */
function fileStore(base, update) {
  const file = path.join(base, 'meta.json')
  const read = () => JSON.parse(readFileSync(file, 'utf8'))
  const write = (group) => others('write-file-atomic')(file, JSON.stringify(group, null, 2))
  return { file, read, save: write, add: () => update(file, read, write) }
}

async function addOne(_file, read, write) {
  const group = read()
  await write({ ...group, count: (group.count ?? 0) + 1 })
}

const STORES = {
  'session-groups': (base) => {
    const repository = new FileGroupRepository(base, { lockTimeoutMs: 60_000 })
    return {
      file: path.join(base, ID, 'meta.json'),
      read: () => repository.findById(ID),
      save: (group) => repository.save(group),
      add: () => repository.update(ID, (group) => ({ count: (group.count ?? 0) + 1 })),
    }
  },
  'write-file-atomic': (base) => fileStore(base, addOne),
  'write-file-atomic + proper-lockfile': (base) =>
    fileStore(base, async (file, read, write) => {
      const retries = { retries: 10_000, minTimeout: 1, maxTimeout: 20 }
      const free = await others('proper-lockfile').lock(file, { retries })
      await addOne(file, read, write)
      await free()
    }),
}

/** Counts the saves that falsely reported success, and those that destroyed the old group. */
async function fullDisk(name) {
  let tries = 0
  let lied = 0
  let lost = 0
  for (let free = 0; free <= 96; free += 4) {
    await withDisk('size=1m', async (disk) => {
      const store = STORES[name](disk)
      await store.save(createGroup('old'))
      fill(disk, free * 1024)
      const group = { ...createGroup('new'), filling: 'x'.repeat(64 * 1024) }
      const told = await Promise.resolve(store.save(group)).then(
        () => true,
        () => false,
      )
      const found = await Promise.resolve()
        .then(store.read)
        .then(
          (found) => found?.name,
          () => 'unreadable',
        )
      tries += 1
      if (told && found !== 'new') lied += 1
      if (found === 'unreadable') lost += 1
    })
  }
  return `${lied} of ${tries} saves falsely reported success, ${lost} destroyed the old group`
}

function startWriter(name, base, index, increments) {
  const { program } = RUNTIMES[index % RUNTIMES.length]
  const child = spawn(program, [FILE, name, base, String(increments)])
  const writer = { told: 0, errors: '', longest: 0, last: performance.now() }
  child.stdout.on('data', (text) => {
    writer.told += text.length
    writer.longest = Math.max(writer.longest, performance.now() - writer.last)
    writer.last = performance.now()
  })
  child.stderr.on('data', (text) => (writer.errors += text))
  writer.done = new Promise((resolve) => child.on('close', (code) => resolve(code)))
  writer.kill = () => child.kill('SIGKILL')
  return writer
}

/** Reads the final count after all writers have ended. */
const countOf = (name, base) =>
  Promise.resolve()
    .then(STORES[name](base).read)
    .then(
      (group) => group.count ?? 0,
      () => 'nothing readable',
    )

async function concurrentUpdates(name) {
  return withDir(async (base) => {
    await STORES[name](base).save(createGroup('old'))
    const begun = performance.now()
    const writers = Array.from({ length: PROCESSES }, (_, index) =>
      startWriter(name, base, index, INCREMENTS),
    )
    await Promise.all(writers.map(({ done }) => done))
    const seconds = (performance.now() - begun) / 1000
    const told = writers.reduce((sum, writer) => sum + writer.told, 0)
    const failed = writers.filter(({ errors }) => errors !== '').length
    const trouble = failed > 0 ? `, ${failed} processes ended with an error` : ''
    return `${told} acknowledged, ${await countOf(name, base)} stored${trouble}; ${Math.round(told / seconds)} per second`
  })
}

/** Kills one of four writers again and again. */
async function kills(name) {
  return withDir(async (base) => {
    await STORES[name](base).save(createGroup('old'))
    const writers = [0, 1, 2, 3].map((index) => startWriter(name, base, index, 0))
    let told = 0
    let stopped = 0
    let longest = 0
    for (let number = 0; number < KILLS; number++) {
      await pause(200 + Math.random() * 100)
      const index = number % writers.length
      writers[index].kill()
      await writers[index].done
      told += writers[index].told
      const others = writers.filter((_, other) => other !== index)
      for (const writer of others) Object.assign(writer, { longest: 0, last: performance.now() })
      const moved = () => others.some((writer) => writer.longest > 0)
      const begun = performance.now()
      while (!moved() && performance.now() - begun < 30_000) await pause(5)
      const waited = performance.now() - begun
      longest = Math.max(longest, waited)
      if (waited > STOPPED) stopped += 1
      writers[index] = startWriter(name, base, index, 0)
    }
    for (const writer of writers) writer.kill()
    await Promise.all(writers.map(({ done }) => done))
    told += writers.reduce((sum, writer) => sum + writer.told, 0)
    return `${told} acknowledged, ${await countOf(name, base)} stored; all writers stalled ${stopped === 1 ? 'once' : `${stopped} times`}, for ${(longest / 1000).toFixed(1)} s at most`
  })
}

/** Lists the fsyncs and renames of one update, in order. */
async function order(name) {
  return withDir(async (base) => {
    await STORES[name](base).save(createGroup('old'))
    const log = path.join(base, 'trace')
    const args = ['-f', '-y', '-e', 'trace=fsync,fdatasync,rename,renameat,renameat2', '-o', log]
    await must('strace', 'strace', [...args, process.execPath, FILE, name, base, '1'])
    const steps = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => / = 0$/.test(line) || /resumed/.test(line))
      .map((line) => line.match(/(fsync|fdatasync|rename\w*)\(\d*<?([^>,"]*)/))
      .filter(Boolean)
      .map(([, call, file]) =>
        call.startsWith('rename') ? 'rename' : `fsync of ${/json/.test(file) ? 'the file' : 'a directory'}`,
      )
    return steps.filter((step, index) => step !== steps[index - 1]).join(', ')
  })
}

async function compare() {
  await setUp()
  mkdirSync(PACKAGES, { recursive: true })
  writeFileSync(
    path.join(PACKAGES, 'package.json'),
    JSON.stringify({ private: true, dependencies: VERSIONS }),
  )
  if (!existsSync(path.join(PACKAGES, 'node_modules', 'proper-lockfile')))
    await must('npm install', 'npm', ['install', '--no-audit', '--no-fund'], { cwd: PACKAGES })
  const cases = [
    ['Full disk: a 64 KiB group replaces a small one, with 0 to 96 KiB free', cannotMount(), fullDisk],
    [`${PROCESSES} processes add ${INCREMENTS} each to one group`, undefined, concurrentUpdates],
    [`One of four writers is killed, ${KILLS} times`, undefined, kills],
    ['System calls of one update', lacks('strace'), order],
  ]
  const names = Object.keys(STORES)
  const { output: bun } = await run(RUNTIMES[1].program, ['--version'])
  const versions = Object.entries(VERSIONS).map((entry) => entry.join(' '))
  console.log(
    `${versions.join(', ')}; Node ${process.versions.node} and Bun ${bun.trim()}; Linux ${release()} on ${arch()}\n`,
  )
  console.log(`| | ${names.join(' | ')} |\n|${'---|'.repeat(names.length + 1)}`)
  for (const [title, obstacle, test] of cases) {
    const cells = []
    for (const name of names) cells.push(obstacle ? `skipped: ${obstacle}` : await test(name))
    console.log(`| ${title} | ${cells.join(' | ')} |`)
  }
}

/** Adds one, `increments` times (0: forever), and prints a character for each acknowledged addition. */
async function add(name, base, increments) {
  const store = STORES[name](base)
  for (let done = 0; increments === 0 || done < increments; done++) {
    await store.add()
    writeSync(1, '+')
  }
}

if (process.argv[1] === FILE) {
  const [name, base, increments] = process.argv.slice(2)
  if (name === undefined) await main(compare)
  else await add(name, base, Number(increments))
}
