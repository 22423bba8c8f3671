// Cost and tokens over the runs of a session, against what was billed for each run (`captures/accounting/truth.json`).

const fs = require('node:fs')
const path = require('node:path')
const { ClaudeStream } = require('../..')
const { makeSession } = require('./helpers')

const captures = path.join(__dirname, '..', 'captures')
const read = (name) => fs.readFileSync(path.join(captures, `${name}.jsonl`))
const TRUTH = JSON.parse(fs.readFileSync(path.join(captures, 'accounting', 'truth.json'), 'utf8'))

/** Applies changes as a repository does. */
const merge = (session, changes) => {
  const merged = { ...session, ...changes }
  for (const key of Object.keys(merged)) if (merged[key] === undefined) delete merged[key]
  return JSON.parse(JSON.stringify(merged))
}

/** The figures that must never decrease. */
const figures = ({ progress: { cost, tokens } }) => [
  cost,
  tokens.input,
  tokens.output,
  tokens.cacheRead ?? 0,
  tokens.cacheWrite ?? 0,
]

/** Runs a session with an output in chunks, and returns it as it is stored then. */
const run = (session, output, { exit = { code: 0 }, relatives, size = 997 } = {}) => {
  const stream = new ClaudeStream(session, { relatives })
  let last = figures(stream)
  let decreased = false
  for (let at = 0; at < output.length; at += size) {
    if (!stream.push(output.subarray(at, at + size))) continue
    const now = figures(stream)
    decreased ||= now.some((figure, index) => figure < last[index])
    last = now
  }
  expect(decreased).toBe(false)
  stream.end(exit)
  return { stream, session: merge(session, stream.changes) }
}

/** Runs a session with captured outputs, one after the other. */
const runAll = (names, options) =>
  names.reduce(
    ({ session }, name) => {
      const { exit } = TRUTH[name]
      return run(session, read(`accounting/${name}`), { exit, ...options })
    },
    { session: makeSession() },
  )

/** Adds up the billed amounts of several runs. */
const billed = (names) =>
  names.reduce(
    (sum, name) => {
      const { cost, input, output, cacheRead, cacheWrite } = TRUTH[name].billed
      return {
        cost: sum.cost + cost,
        input: sum.input + input,
        output: sum.output + output,
        cacheRead: sum.cacheRead + cacheRead,
        cacheWrite: sum.cacheWrite + cacheWrite,
      }
    },
    { cost: 0, input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  )

const expectBilled = ({ session }, names) => {
  const { cost, ...tokens } = billed(names)
  expect(Math.abs(session.cost - cost)).toBeLessThan(1e-9)
  expect(session.tokens).toEqual(tokens)
}

const UPGRADE = [
  'upgrade-1-on-2.1.276',
  'upgrade-2-on-2.1.332',
  'upgrade-3-on-2.1.276',
  'upgrade-4-on-2.1.332',
]
const REAPED = ['reaped-1', 'reaped-2-sigkill-after-result', 'reaped-3-resumed']
const PTY = ['pty-1', 'pty-2-resumed-in-interactive-bash']

describe('a session costs what was billed', () => {
  test.each([
    ['when the conversation is cleared', ['clear-1']],
    ['when it is cleared in an old version', ['clear-2.1.276']],
    ['when versions change between runs', UPGRADE],
    ['when a process is killed after its result', REAPED],
    ['in a pseudo-terminal', PTY],
    ['when messages have no id', ['emptyid']],
    ['when messages have the same id', ['sameid']],
    ['when input is counted only as a message ends', ['zerostart-partial']],
    ['when the output is one array', ['json-verbose-array']],
  ])('%s', (_, names) => {
    for (let count = 1; count <= names.length; count++) {
      const some = names.slice(0, count)
      expectBilled(runAll(some), some)
      expectBilled(runAll(some, { size: 13 }), some)
    }
  })

  test('when it is forked: each session its own', () => {
    const parent = runAll(['fork-1', 'fork-2', 'fork-3'])
    expectBilled(parent, ['fork-1', 'fork-2', 'fork-3'])
    const relatives = [parent.session]
    const forked = run(makeSession({ id: '002' }), read('accounting/fork-4-forked'), { relatives })
    expectBilled(forked, ['fork-4-forked'])
    // By its own counters, without its relatives.
    const resumed = run(forked.session, read('accounting/fork-5-resumed'))
    expectBilled(resumed, ['fork-4-forked', 'fork-5-resumed'])
  })

  test('when it is forked several times', () => {
    const parent = runAll(['fanout-0'])
    const first = run(makeSession(), read('accounting/fanout-1'), { relatives: [parent.session] })
    expectBilled(first, ['fanout-1'])
    const relatives = [first.session, parent.session]
    expectBilled(run(makeSession(), read('accounting/fanout-2'), { relatives }), ['fanout-2'])
  })

  test('when it is forked within the session itself', () => {
    const { session } = runAll(['fork-1', 'fork-2', 'fork-3'])
    const forked = run(session, read('accounting/fork-4-forked'))
    expectBilled(forked, ['fork-1', 'fork-2', 'fork-3', 'fork-4-forked'])
  })

  test('when it was stored without counters, as by version 0.1.0', () => {
    const { usageCounters, ...first } = runAll(['pty-1']).session
    expect(usageCounters).toBeDefined()
    expectBilled(run(first, read('accounting/pty-2-resumed-in-interactive-bash')), PTY)
    const { usageCounters: _, ...old } = runAll(UPGRADE.slice(0, 1)).session
    expectBilled(run(old, read('accounting/upgrade-2-on-2.1.332')), UPGRADE.slice(0, 2))
  })

  test('when its counters are not understood', () => {
    const { claudeSessionId: sessionId, ...first } = runAll(['pty-1']).session
    const negative = [{ sessionId, cost: -5, tokens: { input: 0, output: 0 } }]
    for (const usageCounters of [{ printed: 'x', other: [1] }, {}, { printed: negative }]) {
      const session = { ...first, claudeSessionId: sessionId, usageCounters }
      expectBilled(run(session, read('accounting/pty-2-resumed-in-interactive-bash')), PTY)
    }
  })

  test.each([
    [['tools', 'resume'], 0.013202],
    [['budget', 'budget-resume'], 0.026412],
    [['bgtask'], 0.013206],
    [['streamjson-interrupt-tool'], 0.0088],
    [['streamjson-pause', 'streamjson-pause-resumed'], 0.0088],
    // One request in each run. That of the killed one is never printed.
    [['sigkill-tool', 'sigkill-tool-resumed'], 0.0044],
    // The killed run's request is in the next run's counter.
    [['sigterm-bgtask', 'sigterm-bgtask-resumed'], 0.0088],
  ])('%p', (names, cost) => {
    const { session } = names.reduce(({ session }, name) => run(session, read(`runner/${name}`)), {
      session: makeSession(),
    })
    expect(session.cost).toBeCloseTo(cost, 12)
  })

  test('a turn killed with SIGTERM is counted once, a turn killed with SIGKILL by its messages', () => {
    const exit = { code: null, signal: 'SIGTERM' }
    const terminated = run(makeSession(), read('runner/sigterm-bgtask'), { exit })
    expect(terminated.session).toMatchObject({ status: 'failed', tokens: { input: 1200, output: 1 } })
    const resumed = run(terminated.session, read('runner/sigterm-bgtask-resumed'))
    expect(resumed.session.tokens).toEqual({ input: 2400, output: 170, cacheRead: 8000, cacheWrite: 600 })

    const killed = run(makeSession(), read('runner/sigkill-tool'), {
      exit: { code: null, signal: 'SIGKILL' },
    })
    const after = run(killed.session, read('runner/sigkill-tool-resumed'))
    expect(after.session.tokens).toEqual({ input: 2400, output: 86, cacheRead: 8000, cacheWrite: 600 })
  })

  test('a fork by what it reports itself', () => {
    const { session } = run(makeSession(), read('runner/fork'))
    expect(session.cost).toBeCloseTo(0.0044, 12)
    expect(session.tokens).toEqual({ input: 1200, output: 85, cacheRead: 4000, cacheWrite: 300 })
  })
})

describe('within a run', () => {
  const line = (value) => Buffer.from(`${JSON.stringify(value)}\n`)
  const init = line({ type: 'system', subtype: 'init', session_id: 'c', claude_code_version: '2.1.300' })
  const assistant = (id, input) =>
    line({
      type: 'assistant',
      message: { id, content: [], usage: { input_tokens: input, output_tokens: 0 } },
    })
  const result = (cost, input, more = {}) =>
    line({
      type: 'result',
      subtype: 'success',
      num_turns: 1,
      total_cost_usd: cost,
      usage: { input_tokens: input, output_tokens: 0 },
      modelUsage: { m: { inputTokens: input, outputTokens: 0, costUSD: cost } },
      session_id: 'c',
      ...more,
    })
  const failed = line({
    type: 'result',
    subtype: 'error_during_execution',
    is_error: true,
    num_turns: 0,
    total_cost_usd: 0,
    session_id: 'c',
  })
  const cost = (...lines) => run(makeSession(), Buffer.concat(lines)).session.cost

  test('a failed result that shows nothing takes nothing away', () => {
    expect(cost(init, result(3.82570075, 1000), failed)).toBe(3.82570075)
    const usage = { modelUsage: {}, usage: { input_tokens: 0, output_tokens: 0 } }
    expect(cost(init, result(3.82570075, 1000), result(0, 0, usage))).toBe(3.82570075)
  })

  test('a counter that goes on after such a result is told from one that starts again by the messages', () => {
    const before = [init, assistant('a', 1000), result(1, 1000), failed, assistant('b', 500)]
    const further = { usage: { input_tokens: 500, output_tokens: 0 } }
    expect(cost(...before, result(1.5, 1500, further))).toBe(1.5)
    expect(cost(...before, result(0.5, 500, further))).toBe(1.5)
    // A counter above the last one, which cannot hold both turns.
    const long = [init, assistant('a', 1000), result(1, 1000), failed, assistant('b', 1200)]
    expect(cost(...long, result(1.2, 1200, { usage: { input_tokens: 1200, output_tokens: 0 } }))).toBe(2.2)
  })

  test('a lost result is counted with the next one', () => {
    const modelUsage = (cost, inputTokens) => ({ m: { inputTokens, outputTokens: 0, costUSD: cost } })
    const since = (index, cost, input, lastCost, lastInput) =>
      result(cost, input, {
        result_index: index,
        usage: { input_tokens: lastInput, output_tokens: 0 },
        model_usage_since_last_result: modelUsage(lastCost, lastInput),
      })
    expect(cost(init, since(0, 1, 100, 1, 100), since(2, 3, 300, 1, 100))).toBe(3)
    expect(cost(init, since(1, 2, 200, 1, 100))).toBe(2)
  })

  test('a failed result that shows nothing at the end of a run is no base of the next one', () => {
    const first = run(makeSession(), Buffer.concat([init, assistant('a', 1000), result(1, 1000), failed]))
    const usage = { usage: { input_tokens: 500, output_tokens: 0 } }
    const further = (more) => Buffer.concat([init, assistant('b', 500), more])
    expect(run(first.session, further(result(1.5, 1500, usage))).session.cost).toBe(1.5)
    expect(run(first.session, further(result(0.5, 500, usage))).session.cost).toBe(1.5)
  })

  test('a fork that was cut in its first turn does not pay for its parent', () => {
    const since = (cost, input) => ({
      usage: { input_tokens: input, output_tokens: 0 },
      model_usage_since_last_result: { m: { inputTokens: input, outputTokens: 0, costUSD: cost } },
    })
    const forkInit = line({
      type: 'system',
      subtype: 'init',
      session_id: 'f',
      claude_code_version: '2.1.332',
    })
    const parent = run(
      makeSession(),
      Buffer.concat([init, assistant('a', 1000), result(1, 1000, since(1, 1000))]),
    )
    const relatives = [parent.session]
    const cut = run(makeSession(), Buffer.concat([forkInit, assistant('b', 100)]), { relatives })
    const resumed = [
      forkInit,
      assistant('c', 50),
      result(1.15, 1150, { ...since(0.05, 50), session_id: 'f' }),
    ]
    const { session } = run(cut.session, Buffer.concat(resumed), { relatives })
    expect(session.cost).toBeCloseTo(0.15, 12)
    expect(session.tokens.input).toBe(150)
  })

  test('without an init line the stored session is the one that goes on', () => {
    const usage = (input) => ({ usage: { input_tokens: input, output_tokens: 0 } })
    for (const known of [{ claudeSessionId: 'c' }, {}]) {
      const first = run(makeSession(known), result(1, 1000)).session
      const second = run(first, result(1.5, 1500, usage(500))).session
      expect(second.cost).toBe(1.5)
      expect(run(second, result(1.75, 1750, usage(250))).session.cost).toBe(1.75)
    }
  })

  test('what was used since the last result needs no modelUsage', () => {
    const since = { m: { inputTokens: 10, outputTokens: 0, costUSD: 1 } }
    const bare = { modelUsage: undefined, usage: undefined, model_usage_since_last_result: since }
    expect(cost(init, result(5, 0, bare))).toBe(1)
    expect(cost(init, result(undefined, 0, bare), result(undefined, 0, bare))).toBe(2)
  })

  test('a first result without usage counts its messages', () => {
    const bare = line({ type: 'result', subtype: 'success', num_turns: 1, session_id: 'c' })
    const further = line({
      type: 'result',
      subtype: 'success',
      num_turns: 1,
      usage: { input_tokens: 5, output_tokens: 5 },
    })
    const { tokens } = run(makeSession(), Buffer.concat([init, assistant('a', 7), bare, further])).session
    expect(tokens).toEqual({ input: 12, output: 5 })
  })

  test('a result that knows no session sets no id, and neither does an empty one', () => {
    const unknown = run(makeSession({ claudeSessionId: 'known' }), read('runner/resume-unknown'))
    expect(unknown.session.claudeSessionId).toBe('known')
    expect(unknown.session.error).toMatch(/^error_during_execution after 0 turns: No conversation found/)
    const empty = line({ type: 'system', subtype: 'init', session_id: '' })
    expect('claudeSessionId' in run(makeSession(), empty).stream.changes).toBe(false)
    expect(run(makeSession(), read('accounting/clear-1')).session.claudeSessionId).toMatch(/^80b2338f/)
  })

  test('each session of Claude Code keeps its newest counter, however many runs another one had', () => {
    const begin = (id) =>
      line({ type: 'system', subtype: 'init', session_id: id, claude_code_version: '2.1.300' })
    const counted = (id, cost, input, used) =>
      Buffer.concat([
        begin(id),
        result(cost, input, { session_id: id, usage: { input_tokens: used, output_tokens: 0 } }),
      ])
    let { session } = run(makeSession(), counted('first', 1, 1000, 1000))
    for (let index = 1; index <= 30; index++)
      session = run(session, counted('second', index, index * 100, 100)).session
    expect(session.cost).toBe(31)
    expect(session.usageCounters.printed.length).toBeLessThanOrEqual(20)
    expect(run(session, counted('first', 1.5, 1500, 500)).session.cost).toBe(31.5)
  })

  test('costs that no number can hold are as large as possible', () => {
    const { session } = run(makeSession({ cost: 1e308 }), Buffer.concat([init, result(1.7e308, 1)]))
    expect(session.cost).toBe(Number.MAX_VALUE)
  })

  test('messages that Claude Code writes itself cost nothing', () => {
    const message = {
      id: 's',
      model: '<synthetic>',
      content: [],
      usage: { input_tokens: 9, output_tokens: 9 },
    }
    const { tokens } = run(makeSession(), Buffer.concat([init, line({ type: 'assistant', message })])).stream
      .progress
    expect(tokens).toEqual({ input: 0, output: 0 })
  })
})

describe('messages', () => {
  test('are counted by their lines when ids are empty or repeated', () => {
    for (const [name, count] of [
      ['emptyid', 7],
      ['sameid', 7],
      ['zerostart-partial', 5],
    ])
      expect(run(makeSession(), read(`accounting/${name}`)).stream.progress.messageCount).toBe(count)
  })

  test('without an id are one between two tool results, whose largest counts hold', () => {
    const stream = new ClaudeStream(makeSession())
    const push = (message, type = 'assistant') => stream.push(`${JSON.stringify({ type, message })}\n`)
    const usage = (input_tokens, output_tokens) => ({ content: [], usage: { input_tokens, output_tokens } })
    push(usage(10, 5))
    push(usage(0, 7))
    push({ id: '', content: [], usage: null })
    push({ content: [{ type: 'tool_result', tool_use_id: 't' }] }, 'user')
    push(usage(10, 1))
    expect(stream.progress).toMatchObject({ messageCount: 3, tokens: { input: 20, output: 8 } })
  })

  test('are separated by results of tools without an id', () => {
    const stream = new ClaudeStream(makeSession())
    const push = (message, more) => stream.push(`${JSON.stringify({ message, ...more })}\n`)
    const used = { content: [{ type: 'tool_use', name: 'Bash' }], usage: { input_tokens: 3 } }
    push(used, { type: 'assistant', parent_tool_use_id: '' })
    expect(stream.progress.currentTool).toBe('Bash')
    push({ content: [{ type: 'tool_result' }] }, { type: 'user' })
    expect(stream.progress.currentTool).toBe(undefined)
    push(used, { type: 'assistant' })
    expect(stream.progress).toMatchObject({ messageCount: 3, tokens: { input: 6 } })
  })
})

describe('output that is not one object a line', () => {
  const message = (id) => ({ type: 'assistant', message: { id, content: [], usage: { input_tokens: 1 } } })
  const [a, b] = ['a', 'b'].map((id) => JSON.stringify(message(id)))

  test.each([
    ['a byte order mark', [`\ufeff${a}`], 1, 0],
    ['control sequences around an object', [`\u001b[?2004l\r${a}\u001b[?25h`], 1, 0],
    ['a window title', [`\u001b]0;claude {"type":"result"}\u0007${a}\u001b]0;x\u001b\\`], 1, 0],
    ['NULs', [`\0\0${a}\0`], 1, 0],
    ['two objects on a line', [`${a}${b}`], 2, 0],
    ['two objects with something between', [`${a}\u001b[0m, ${b}`], 2, 0],
    ['an array', [`[${a},${b}]`], 2, 0],
    ['an array with spaces', [` [ ${a} , ${b} ] `], 2, 0],
    ['an object and half of another', [`${a}${b.slice(0, 20)}`], 1, 1],
    ['an object and text', [`${a} done`], 1, 1],
    ['text and an object', [`done ${a}`], 0, 1],
    ['designations of character sets', [`\u001b(B\u001b)0\u001b#8\u001b%G${a}\u001b F\u001b7`], 1, 0],
    ['control sequences of one character', [`\u009b?25h${a}\u009b0m`], 1, 0],
    ['control sequences alone', ['\u001b[?2004h'], 0, 1],
    ['escapes that never end', ['\u001b', '\u001b[', '\u001b]', '\u001bP'], 0, 4],
  ])('%s', (_, lines, messages, ignored) => {
    const stream = new ClaudeStream(makeSession())
    for (const text of lines) stream.push(`${text}\n`)
    expect([stream.progress.messageCount, stream.ignoredLines]).toEqual([messages, ignored])
  })

  test('types of lines that say nothing about progress are known', () => {
    const stream = new ClaudeStream(makeSession())
    for (const type of [
      'rate_limit_event',
      'conversation_reset',
      'control_response',
      'keep_alive',
      'tool_progress',
    ])
      stream.push(`${JSON.stringify({ type })}\n`)
    expect(stream.ignoredLines).toBe(0)
  })
})

describe('refused tools', () => {
  test('are named, and make a warning', () => {
    const { stream, session } = run(makeSession(), read('runner/denied'))
    expect(stream.deniedTools).toEqual(['Bash'])
    expect(stream.warning).toBe(
      'not permitted to use Bash: allow it with --allowedTools or --permission-mode',
    )
    expect(session).toMatchObject({ status: 'completed', deniedTools: ['Bash'] })
    // Nothing was refused in the next run.
    const next = run(session, read('runner/tools'))
    expect(next.session.deniedTools).toBe(undefined)
    expect(next.stream.warning).toBe(undefined)
  })

  test('are named once each, over all results', () => {
    const denied = (...names) =>
      `${JSON.stringify({
        type: 'result',
        subtype: 'success',
        permission_denials: [...names.map((tool_name) => ({ tool_name })), 5, {}],
      })}\n`
    const stream = new ClaudeStream(makeSession())
    stream.push(denied('Write', 'Bash', 'Write') + denied('Edit', 'Bash'))
    stream.end({ code: 1 })
    expect(stream.deniedTools).toEqual(['Write', 'Bash', 'Edit'])
    expect(stream.warning).toMatch(/^not permitted to use Write, Bash, Edit: .*; exit code 1 after/)
  })
})

describe('what is stored while a run goes on', () => {
  const line = (value) => `${JSON.stringify(value)}\n`
  const init = line({ type: 'system', subtype: 'init', session_id: 'c' })

  test('comes to the same as what is stored at its end', () => {
    const outputs = [
      [init, { code: null, signal: 'SIGTERM' }],
      [
        init + line({ type: 'result', subtype: 'success', permission_denials: [{ tool_name: 'Bash' }] }),
        { code: 0 },
      ],
    ]
    for (const [output, exit] of outputs) {
      const once = run(makeSession(), Buffer.from(output), { exit }).session
      const stream = new ClaudeStream(once)
      let stored = once
      for (const character of output) {
        stream.push(character)
        stored = merge(stored, stream.changes)
      }
      stream.end(exit)
      stored = merge(stored, stream.changes)
      expect(stored).toMatchObject({ status: once.status, completedAt: stream.changes.completedAt })
      expect([stored.error, stored.deniedTools]).toEqual([once.error, once.deniedTools])
    }
  })

  test('changes exactly when push returns true', () => {
    const use = (id, name) => ({ type: 'tool_use', id, name })
    const assistant = (...content) => line({ type: 'assistant', message: { id: 'm', content } })
    const resultLine = line({ type: 'result', subtype: 'success', total_cost_usd: 1, num_turns: 1 })
    const stream = new ClaudeStream(makeSession())
    const expectations = [
      [init, true],
      [assistant(use('1', 'Bash')), true],
      [assistant(use('2', 'Bash')), false],
      [assistant(use('3', 'Read')), true],
      [line({ type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: '3' }] } }), true],
      [resultLine, true],
      [resultLine, false],
      [line({ type: 'conversation_reset' }), false],
    ]
    for (const [text, changed] of expectations) expect([text, stream.push(text)]).toEqual([text, changed])
  })

  test('a line that is dropped for its length starts the session, too', () => {
    const stream = new ClaudeStream(makeSession())
    const piece = Buffer.alloc(16 * 1024 * 1024, 'x')
    for (let index = 0; index < 5; index++) stream.push(piece)
    expect(stream.progress.status).toBe('active')
  })
})

test('the time of all runs is added up', () => {
  const session = makeSession({ runMs: 600_000, status: 'pending' })
  expect(new ClaudeStream(session).progress.durationMs).toBe(600_000)
  const started = new Date(Date.now() - 10_000).toISOString()
  const stream = new ClaudeStream(session)
  stream.push(`${JSON.stringify({ type: 'system', timestamp: started })}\n`)
  expect(stream.progress.durationMs).toBeGreaterThanOrEqual(610_000)
  expect('runMs' in stream.changes).toBe(false)
  stream.end({ code: 1 })
  expect(stream.changes.runMs).toBe(stream.progress.durationMs)
})

test('a chunk of shared memory is copied before it is read', () => {
  const text = `${JSON.stringify({ type: 'assistant', message: { id: 'a', content: [] } })}\n`
  const shared = new Uint8Array(new SharedArrayBuffer(text.length + 2), 1, text.length)
  shared.set(Buffer.from(text))
  const stream = new ClaudeStream(makeSession())
  expect(stream.push(shared)).toBe(true)
  expect(stream.push(new Uint8Array(new SharedArrayBuffer(0)))).toBe(false)
  expect(stream.progress.messageCount).toBe(1)
})

test('relatives are checked', () => {
  for (const [options, field] of [
    [{ relatives: {} }, 'relatives'],
    [{ relatives: [{ ...makeSession(), cost: -1 }] }, 'cost'],
    [{ relative: [] }, 'relative'],
    [5, 'options'],
  ])
    expect(() => new ClaudeStream(makeSession(), options)).toThrow(expect.objectContaining({ field }))
})
