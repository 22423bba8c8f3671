// `events`: the feed of a group, read from JavaScript. Commits that write it are tested in Rust; here its lines are written as
// the format says.

const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const sg = require('../..')
const { freshDir, linking, makeGroup, posix, root, runScript, TIME, thrown, rejection } = require('./helpers')

const FIELDS = {
  group_deleted: {},
  session_retrying: { sessionId: 's', attempt: 1, outcome: 'stalled', error: 'no output', waitsUntil: TIME },
  session_interrupted: { sessionId: 's', attempt: 2, costUsd: 0.1 },
  session_waiting_limit: { sessionId: 's', waitsUntil: TIME },
  session_limit_lifted: {},
  session_adopted: { sessionId: 's', attempt: 1, pid: 4711 },
  session_unreachable: { sessionId: 's', because: ['a', 'b'] },
  tools_denied: { sessionId: 's', tools: ['Bash'] },
  feed_gap: { from: 3, to: 5 },
}
const OPTIONAL = ['error', 'waitsUntil', 'costUsd', 'pid']
const ID = makeGroup().id
const entry = (type, changes = {}) => ({
  v: 1,
  seq: 5,
  type,
  timestamp: TIME,
  groupId: ID,
  ...FIELDS[type],
  ...changes,
})
const denied = (seq) => entry('tools_denied', { seq })

describe('parseGroupFeedEvent', () => {
  const parse = (value) => sg.parseGroupFeedEvent(JSON.stringify(value))
  const refusal = (value) => thrown(() => parse(value))

  test.each(Object.keys(FIELDS))('%s needs each of its fields, of its type', (type) => {
    const full = entry(type, { future: [1e21, { '\u2028': '\ud800' }] })
    expect(parse(full)).toEqual(full)
    for (const field of ['v', 'seq', 'timestamp', 'groupId', ...Object.keys(FIELDS[type])]) {
      const without = entry(type)
      delete without[field]
      if (OPTIONAL.includes(field)) expect(parse(without)).toEqual(without)
      else expect(refusal(without)).toMatchObject({ code: 'INVALID_EVENT', field })
      for (const wrong of [null, {}, true])
        expect(refusal(entry(type, { [field]: wrong }))).toMatchObject({ code: 'INVALID_EVENT', field })
    }
  })

  test('reads the events of parseGroupEvent, too', () => {
    const failed = entry('group_failed', { failedSessions: 1, reason: 'Manually stopped', cause: 'stopped' })
    expect(parse(failed)).toEqual(failed)
    expect(sg.parseGroupEvent(JSON.stringify(failed))).toEqual(failed)
    const session = { sessionId: 's', projectPath: '/p', prompt: 'Do', truncated: true }
    expect(parse(entry('group_session_started', session))).toMatchObject(session)
    expect(refusal({ ...failed, cause: 'boredom' }).field).toBe('cause')
  })

  test('refuses what is not an event of a feed', () => {
    for (const [changes, field] of [
      [{ v: 2 }, 'v'],
      [{ seq: 0 }, 'seq'],
      [{ seq: 1.5 }, 'seq'],
      [{ seq: 2 ** 53 }, 'seq'],
      [{ type: 'group_exploded' }, 'type'],
      [{ tools: ['a', 5] }, 'tools[1]'],
    ])
      expect(refusal(entry('tools_denied', changes))).toMatchObject({ code: 'INVALID_EVENT', field })
    expect(refusal(entry('feed_gap', { from: 6 })).field).toBe('from')
    for (const text of ['', 'x', '[]', '{', 'null'])
      expect(thrown(() => sg.parseGroupFeedEvent(text)).code).toBe('INVALID_EVENT')
    for (const text of [undefined, null, 5, {}])
      expect(thrown(() => sg.parseGroupFeedEvent(text)).code).toBe('INVALID_ARGUMENT')
  })
})

const REPOSITORIES = [
  ['InMemoryGroupRepository', () => new sg.InMemoryGroupRepository()],
  ['FileGroupRepository', () => new sg.FileGroupRepository(freshDir(), { durability: 'process' })],
]

describe.each(REPOSITORIES)('events of %s', (_, create) => {
  let repository
  beforeEach(() => {
    repository = create()
  })
  const done = { done: true, value: undefined }

  test('a group without events has none', async () => {
    await repository.save(makeGroup())
    expect(await repository.events(ID).next()).toEqual(done)
    for await (const event of repository.events(ID)) throw new Error(`there is ${event.type}`)
  })

  test('a group that does not exist has no events, not even later', async () => {
    for (const id of [ID, '', '../x', 'nul'])
      expect(await repository.events(id, { follow: true }).next()).toEqual(done)
  })

  test('an abort ends it quietly', async () => {
    await repository.save(makeGroup())
    const controller = new AbortController()
    const events = repository.events(ID, { follow: true, signal: controller.signal })
    const pending = events.next()
    controller.abort(new Error('not thrown'))
    expect([await pending, await events.next()]).toEqual([done, done])
    expect(await repository.events(ID, { signal: AbortSignal.abort() }).next()).toEqual(done)
  })

  test('leaving it leaves no listener on its signal', async () => {
    await repository.save(makeGroup())
    const listeners = new Set()
    const signal = {
      aborted: false,
      addEventListener: (_type, listener) => listeners.add(listener),
      removeEventListener: (_type, listener) => listeners.delete(listener),
    }
    const events = repository.events(ID, { follow: true, signal })
    const pending = events.next()
    expect(listeners.size).toBe(1)
    expect(await events.return('value')).toEqual({ done: true, value: 'value' })
    expect([await pending, listeners.size]).toEqual([done, 0])
    expect(events[Symbol.asyncIterator]()).toBe(events)
  })

  const throwing = {
    get after() {
      throw new Error('from a getter')
    },
  }
  test.each([
    ['a number as id', [5], 'id', 'must be a string, but is 5'],
    ['no id', [], 'id', 'must be a string, but is undefined'],
    ['a string as options', [ID, 'a'], 'options', 'must be an object, but is "a"'],
    ['a negative number', [ID, { after: -1 }], 'after', 'must be a whole number of 0 or more, but is -1'],
    ['a part of a number', [ID, { after: 0.5 }], 'after', 'but is 0.5'],
    ['an infinite number', [ID, { after: Infinity }], 'after', 'but is Infinity'],
    ['a string as number', [ID, { after: '5' }], 'after', 'but is "5"'],
    ['a number as follow', [ID, { follow: 1 }], 'follow', 'must be true or false, but is 1'],
    ['a string as signal', [ID, { signal: 'a' }], 'signal', 'must be an AbortSignal, but is "a"'],
    ['a getter that throws', [ID, throwing], 'after', 'cannot be read: from a getter'],
  ])('%s throws INVALID_ARGUMENT', (_name, args, field, problem) => {
    const error = thrown(() => repository.events(...args))
    expect(error).toBeInstanceOf(sg.SessionGroupsError)
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field })
    expect(error.message).toContain(problem)
  })

  test('absent options and unknown members are ignored', async () => {
    await repository.save(makeGroup())
    for (const options of [undefined, null, {}, { after: null, follow: undefined, signal: null, x: 1 }])
      expect(await repository.events(ID, options).next()).toEqual(done)
  })
})

test('the deletion of a group is the last event', async () => {
  const repository = new sg.InMemoryGroupRepository()
  await repository.save(makeGroup())
  const events = repository.events(ID, { follow: true })
  const pending = [events.next(), events.next()]
  await repository.delete(ID)
  const [{ value: last }, end] = await Promise.all(pending)
  expect(last).toEqual({ v: 1, seq: 1, type: 'group_deleted', groupId: ID, timestamp: expect.any(String) })
  expect(sg.parseGroupFeedEvent(JSON.stringify(last))).toEqual(last)
  expect([end.done, (await events.next()).done]).toEqual([true, true])
})

describe('a feed in files', () => {
  let dir, repository, file
  beforeEach(async () => {
    dir = freshDir()
    repository = new sg.FileGroupRepository(dir, { durability: 'process' })
    file = path.join(dir, ID, 'events.jsonl')
    await repository.save(makeGroup())
  })
  /** Appends lines, and then has the group say so, as a commit would before. */
  const append = async (...events) => {
    fs.appendFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''), { mode: 0o600 })
    await repository.update(ID, { eventSeq: events.at(-1).seq })
  }
  const seqs = async (events) => {
    const found = []
    for await (const { seq, type } of events) found.push(type === 'feed_gap' ? `gap to ${seq}` : seq)
    return found
  }

  test('each event is returned with all its fields', async () => {
    const events = [denied(1), denied(2), entry('feed_gap', { seq: 5, future: undefined }), denied(6)]
    events[1].future = [1e21, { '\u2028': '\ud800' }]
    await append(...events)
    const found = []
    for await (const event of repository.events(ID)) found.push(event)
    expect(found).toEqual(events)
    found[0].tools.push('x')
    expect((await repository.events(ID).next()).value).toEqual(events[0])
    expect(await seqs(repository.events(ID, { after: 1 }))).toEqual([2, 'gap to 5', 6])
    expect(await seqs(repository.events(ID, { after: 6 }))).toEqual([])
    expect(await seqs(repository.events(ID, { after: Number.MAX_VALUE }))).toEqual([])
  })

  test('many events are returned in order', async () => {
    const all = Array.from({ length: 5000 }, (_, index) => denied(index + 1))
    await append(...all)
    expect(await seqs(repository.events(ID))).toEqual(all.map(({ seq }) => seq))
  })

  posix('a follower that lacks file descriptors does not take the group for deleted', async () => {
    await append(denied(1))
    const script = `
      const fs = require('node:fs')
      const sg = require(${JSON.stringify(root)})
      const events = new sg.FileGroupRepository(${JSON.stringify(dir)}).events(${JSON.stringify(ID)}, { follow: true })
      const files = []
      const end = (text) => {
        for (const file of files) fs.closeSync(file)
        fs.writeSync(1, text)
        process.exit()
      }
      events.next().then(async () => {
        const next = events.next()
        // Until it waits for changes.
        await new Promise((resolve) => setTimeout(resolve, 300))
        fs.writeSync(1, 'waits ')
        try {
          for (;;) files.push(fs.openSync('/dev/null'))
        } catch {
          fs.writeSync(1, 'full ')
        }
        next.then(({ value }) => end(value.type), ({ code }) => end(code))
      })
      setInterval(() => {}, 1000)`
    const shell = ['-c', 'ulimit -n 256 && exec "$0" "$@"', process.execPath, '-e', script]
    const follower = spawn('sh', shell, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    await new Promise((resolve) => {
      follower.stdout.on('data', (text) => {
        said += text
        if (said.includes('full')) resolve()
      })
      follower.on('close', resolve)
    })
    const ended = new Promise((resolve) => follower.on('close', resolve))
    await append(denied(2))
    await ended
    expect(said).toBe('waits full IO')
  })

  test('a follower gets events as they come', async () => {
    await append(denied(1))
    const events = repository.events(ID, { follow: true })
    const next = async () => (await events.next()).value.seq
    expect(await next()).toBe(1)
    const pending = next()
    await append(denied(2), denied(3))
    expect([await pending, await next()]).toEqual([2, 3])
    const other = new sg.FileGroupRepository(dir)
    await other.update(ID, { eventSeq: 9 })
    const late = next()
    fs.appendFileSync(file, `${JSON.stringify(denied(4))}\n`)
    expect(await late).toBe(4)
    await repository.delete(ID)
    expect((await events.next()).value).toMatchObject({ seq: 5, type: 'group_deleted' })
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  test('lines that are missing or no events are gaps', async () => {
    fs.writeFileSync(file, `${JSON.stringify(denied(2))}\nno event\n${JSON.stringify(denied(4))}\n{"v":1,`)
    expect(await seqs(repository.events(ID))).toEqual(['gap to 1', 2, 'gap to 3', 4])
  })

  test('what is not a file is an error, after which the iterator ends', async () => {
    fs.mkdirSync(file)
    const events = repository.events(ID, { follow: true })
    const error = await rejection(events.next())
    expect(error).toBeInstanceOf(sg.SessionGroupsError)
    expect(error).toMatchObject({ code: 'CORRUPT', groupId: ID, path: file })
    expect(error.message).toMatch(/is not an event feed: it is not a regular file\. Move it away/)
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  test('files of events are no leftovers, and a save or a deletion knows them', async () => {
    await append(denied(1))
    fs.copyFileSync(file, path.join(dir, ID, 'events.1.jsonl'))
    await repository.save(makeGroup({ name: 'New' }))
    expect(await repository.verify()).toEqual([])
    expect(await seqs(repository.events(ID))).toEqual([1])
    await repository.delete(ID)
    expect(fs.existsSync(file)).toBe(false)
  })

  linking('the program in docs/events.md prints the events', async () => {
    const page = fs.readFileSync(path.join(root, 'docs', 'events.md'), 'utf8')
    const [, program] = page.match(/```js\n([\s\S]*?)```/)
    await append(
      denied(1),
      entry('session_adopted', { seq: 2 }),
      entry('feed_gap', { from: 3, to: 3, seq: 3 }),
      entry('group_failed', { seq: 4, failedSessions: 1, reason: 'Manually stopped', cause: 'stopped' }),
      denied(5),
    )
    const cwd = freshDir()
    fs.mkdirSync(path.join(cwd, 'node_modules'))
    fs.symlinkSync(root, path.join(cwd, 'node_modules', 'session-groups'), 'junction')
    fs.symlinkSync(dir, path.join(cwd, 'groups'), 'junction')
    fs.writeFileSync(path.join(cwd, 'shown.mjs'), program)
    const options = { cwd, encoding: 'utf8' }
    const { stdout, stderr } = spawnSync(process.execPath, ['shown.mjs', ID, '1'], options)
    const expected = '2 session_adopted s\n3 is missing: read the group\n4 group_failed\n'
    expect({ stdout: stdout.replaceAll(' \n', '\n'), stderr }).toEqual({ stdout: expected, stderr: '' })
  })

  const child = (script) => {
    const setUp = `const repository = new sg.FileGroupRepository(process.env.DIR); const id = ${JSON.stringify(ID)};`
    return runScript(`(async () => { ${setUp} ${script} })()`, { env: { DIR: dir } })
  }

  test('only a pending next keeps a process alive', async () => {
    await append(denied(1))
    const idle = `
      const events = repository.events(id, { follow: true })
      console.log((await events.next()).value.seq)`
    expect(await child(idle)).toEqual({ code: 0, stdout: '1', stderr: '' })
    const pending = `
      const events = repository.events(id, { after: 1, follow: true })
      setTimeout(() => repository.delete(id), 100).unref()
      console.log((await events.next()).value.type)`
    const ended = await child(`${pending}; process.exitCode = 3`)
    expect(ended).toEqual({ code: 3, stdout: 'group_deleted', stderr: '' })
  })

  test('it works in a worker, which may end while it waits', async () => {
    await append(denied(1))
    const script = `
      const { parentPort, workerData } = require('node:worker_threads')
      const sg = require(workerData.root)
      const repository = new sg.FileGroupRepository(workerData.dir)
      const main = async () => {
        for await (const { seq } of repository.events(workerData.id, { follow: true })) parentPort.postMessage(seq)
      }
      main()`
    const worker = new Worker(script, { eval: true, workerData: { root, dir, id: ID } })
    const received = []
    await new Promise((resolve, reject) => {
      worker.on('error', reject)
      worker.on('message', async (seq) => {
        received.push(seq)
        if (seq === 1) await append(denied(2))
        else resolve()
      })
    })
    await worker.terminate()
    expect(received).toEqual([1, 2])
    await append(denied(3))
  })
})
