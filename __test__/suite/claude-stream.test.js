const { ClaudeStream, InMemoryGroupRepository } = require('../..')
const { capture, makeGroup, makeSession, thrown } = require('./helpers')

const VERSIONS = ['2.0.0', '2.1.330']
const SCENARIOS = ['tools', 'resume', 'parallel', 'partial', 'badrequest', 'maxturns', 'killed']
const CAPTURES = [...VERSIONS.flatMap((v) => SCENARIOS.map((s) => `${v}-${s}`)), '2.1.330-subagent']

/** Feeds a whole run, in chunks of a size. */
const run = (
  bytes,
  { exit = { code: 0 }, session = {}, size = bytes.length || 1, as = (chunk) => chunk } = {},
) => {
  const stream = new ClaudeStream(makeSession(session))
  for (let at = 0; at < bytes.length; at += size) stream.push(as(bytes.subarray(at, at + size)))
  if (exit) stream.end(exit)
  return stream
}
const line = (value) => `${JSON.stringify(value)}\n`
const assistant = (id, content, more = {}, usage = { input_tokens: 10, output_tokens: 1 }) =>
  line({ type: 'assistant', message: { id, content, usage }, session_id: 'c', ...more })
const toolUse = (id, name) => ({ type: 'tool_use', id, name, input: {} })
const toolResult = (id) =>
  line({ type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: id }] } })
const result = (more = {}) => line({ type: 'result', subtype: 'success', is_error: false, ...more })
const shown = ({ progress, changes, error, ignoredLines }) => {
  const { durationMs, startedAt, ...rest } = progress
  return {
    ...rest,
    claudeSessionId: changes.claudeSessionId,
    changed: Object.keys(changes),
    error,
    ignoredLines,
  }
}

describe.each(CAPTURES)('the output %s', (name) => {
  test('reads the same in chunks of any size, as bytes and as strings', () => {
    const bytes = capture(name)
    const whole = shown(run(bytes))
    for (const size of [1, 7, 1000]) expect(shown(run(bytes, { size }))).toEqual(whole)
    const text = bytes.toString()
    const stream = new ClaudeStream(makeSession())
    for (let at = 0; at < text.length; at += 501) stream.push(text.slice(at, at + 501))
    stream.end({ code: 0 })
    expect(shown(stream)).toEqual(whole)
    expect(whole.ignoredLines).toBe(0)
  })
})

describe('a run that ends well', () => {
  test.each([
    ['2.0.0-tools', 0.018243, { input: 4801, output: 340, cacheRead: 16000, cacheWrite: 1200 }, 3],
    ['2.1.330-tools', 0.008802, { input: 2401, output: 170, cacheRead: 8000, cacheWrite: 600 }, 3],
    ['2.0.0-parallel', 0.018243, { input: 4801, output: 340, cacheRead: 16000, cacheWrite: 1200 }, 4],
    ['2.1.330-parallel', 0.008802, { input: 2401, output: 170, cacheRead: 8000, cacheWrite: 600 }, 4],
    ['2.1.330-partial', 0.008802, { input: 2401, output: 170, cacheRead: 8000, cacheWrite: 600 }, 4],
    ['2.1.330-subagent', 0.022008, { input: 6004, output: 425, cacheRead: 20000, cacheWrite: 1500 }, 7],
  ])('%s costs and uses what was paid for', (name, cost, tokens, messageCount) => {
    const stream = run(capture(name))
    expect(stream.progress).toMatchObject({ status: 'completed', cost, tokens, messageCount })
    expect(stream.progress.currentTool).toBe(undefined)
    expect(stream.error).toBe(undefined)
    expect(stream.changes).toMatchObject({ status: 'completed', cost, tokens })
  })

  test('gives changes that a repository takes', async () => {
    const repository = new InMemoryGroupRepository()
    const group = makeGroup()
    await repository.save(group)
    const { changes } = run(capture('2.1.330-tools'))
    expect(await repository.updateSession(group.id, '001-api', changes)).toBe(true)
    const [session] = (await repository.findById(group.id)).sessions
    expect(session).toMatchObject({ ...changes, claudeSessionId: '145ce725-fab8-4101-b165-34e1f93026e5' })
    expect(Date.parse(session.completedAt)).toBeGreaterThanOrEqual(Date.parse(session.startedAt))
  })

  test.each([
    [{ code: 0 }, undefined],
    [{ code: 1 }, 'exit code 1 after a successful result'],
    [{ code: 143 }, 'exit code 143 after a successful result'],
    [{ code: null, signal: 'SIGTERM' }, 'killed by SIGTERM after a successful result'],
    [{ code: null }, 'its exit code is not known'],
  ])('has completed, whatever follows its successful result: %p', (exit, warning) => {
    const stream = run(capture('2.1.330-tools'), { exit })
    expect(stream.progress.status).toBe('completed')
    expect(stream.error).toBe(undefined)
    expect(stream.warning).toBe(warning)
  })

  test('has failed if a further turn began and did not end', () => {
    const init = line({ type: 'system', subtype: 'init', session_id: 'c' })
    for (const further of [init, assistant('later', [])]) {
      const stream = run(Buffer.from(init + assistant('m', []) + result() + further), {
        exit: { code: null, signal: 'SIGKILL' },
      })
      expect(stream.progress.status).toBe('failed')
      expect(stream.error).toBe('killed by SIGKILL')
    }
    // The work of a background sub-agent is not a turn.
    const subagent = assistant('s', [], { parent_tool_use_id: 't' })
    expect(run(Buffer.from(init + assistant('m', []) + result() + subagent)).progress.status).toBe(
      'completed',
    )
  })

  test('has completed only once the process has exited', () => {
    const stream = run(capture('2.1.330-tools'), { exit: null })
    expect(stream.progress.status).toBe('active')
    stream.end({ code: 0, signal: null })
    expect(stream.progress.status).toBe('completed')
    expect(stream.push(assistant('late', []))).toBe(false)
  })
})

describe('while it runs', () => {
  test('nothing is changed before the first line', () => {
    const stream = new ClaudeStream(makeSession({ cost: 2, status: 'paused' }))
    expect(stream.changes).toEqual({})
    expect(stream.progress).toMatchObject({ status: 'paused', cost: 2 })
    expect(stream.push('{"type":"system"')).toBe(false)
  })

  test('the first line of any kind starts it, at its timestamp or now', () => {
    const stream = new ClaudeStream(makeSession())
    expect(stream.push('no json\n')).toBe(true)
    expect(stream.changes.status).toBe('active')
    expect(Date.now() - Date.parse(stream.changes.startedAt)).toBeLessThan(60_000)
    const timed = new ClaudeStream(makeSession())
    timed.push(line({ type: 'system', timestamp: '2026-02-03T04:05:06.789Z' }))
    expect(timed.progress.startedAt).toBe('2026-02-03T04:05:06.789Z')
    expect(timed.progress.durationMs).toBeGreaterThan(0)
  })

  test('push tells whether something changed', () => {
    const stream = new ClaudeStream(makeSession())
    expect(stream.push(line({ type: 'system', subtype: 'init', session_id: 'c' }))).toBe(true)
    expect(stream.push(line({ type: 'system', subtype: 'new_thing' }))).toBe(false)
    expect(stream.push(assistant('m', []))).toBe(true)
    expect(stream.push(assistant('m', []))).toBe(false)
  })

  test('a message that comes in several lines counts once', () => {
    const stream = new ClaudeStream(makeSession())
    for (let index = 0; index < 3; index++) stream.push(assistant('m', [{ type: 'text', text: `${index}` }]))
    expect(stream.progress).toMatchObject({ messageCount: 1, tokens: { input: 10, output: 1 } })
  })

  test('with partial messages the output is counted as each message ends', () => {
    const text = capture('2.1.330-partial').toString()
    const stream = new ClaudeStream(makeSession())
    stream.push(text.slice(0, text.indexOf('{"duration_api_ms"')))
    expect(stream.progress.tokens).toEqual({ input: 2401, output: 170, cacheRead: 8000, cacheWrite: 600 })
    expect(stream.progress.messageCount).toBe(4)
  })

  test('the current tool is the newest without a result, of the main conversation', () => {
    const stream = new ClaudeStream(makeSession())
    const tool = (text) => stream.push(text) && stream.progress.currentTool
    expect(tool(assistant('1', [toolUse('a', 'Bash'), toolUse('b', 'Read')]))).toBe('Read')
    expect(tool(assistant('2', [toolUse('x', 'Grep')], { parent_tool_use_id: 'a' }))).toBe('Read')
    expect(tool(toolResult('b'))).toBe('Bash')
    expect(tool(toolResult('a'))).toBe(undefined)
    expect(stream.progress.messageCount).toBe(4)
  })

  test('sub-agents count, until a result says what was paid', () => {
    const text = capture('2.1.330-subagent').toString()
    const stream = new ClaudeStream(makeSession())
    stream.push(text.slice(0, text.indexOf('{"duration_api_ms"')))
    expect(stream.progress).toMatchObject({ messageCount: 7, tokens: { input: 6004 } })
  })

  test('of several results the last one counts, and what follows a result is added to it', () => {
    const stream = new ClaudeStream(makeSession())
    const modelUsage = { m: { inputTokens: 100, outputTokens: 50 } }
    stream.push(assistant('1', []) + result({ total_cost_usd: 1, modelUsage }))
    expect(stream.progress).toMatchObject({ cost: 1, tokens: { input: 100, output: 50 } })
    stream.push(assistant('1', []) + assistant('2', []))
    expect(stream.progress.tokens).toEqual({ input: 110, output: 51 })
    stream.push(
      result({ total_cost_usd: 1.5, modelUsage: { ...modelUsage, n: { inputTokens: 20, outputTokens: 5 } } }),
    )
    expect(stream.progress).toMatchObject({ cost: 1.5, tokens: { input: 120, output: 55 } })
  })

  test('without modelUsage every turn is added up', () => {
    const stream = new ClaudeStream(makeSession({ tokens: { input: 1, output: 1 } }))
    const usage = { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 3 }
    stream.push(result({ total_cost_usd: 1, usage }) + result({ total_cost_usd: 2, usage }))
    expect(stream.progress.tokens).toEqual({ input: 21, output: 11, cacheRead: 6 })
  })
})

describe('a run that resumes another', () => {
  const resume = (version, changes = {}) => {
    const first = run(capture(`${version}-tools`)).changes
    return run(capture(`${version}-resume`), { session: { ...first, ...changes } }).progress
  }

  test('adds to what the session had cost, up to 2.1.276', () => {
    const { cost, tokens } = resume('2.0.0')
    // 0.018243 and the second run's 0.009125999999999999.
    expect(cost).toBeCloseTo(0.027369, 15)
    expect(tokens.input).toBe(4801 + 2402)
  })

  test('goes on counting from 2.1.277 on', () => {
    expect(resume('2.1.330')).toMatchObject({ cost: 0.013206, tokens: { input: 3603, output: 255 } })
  })

  test('adds what its own turns cost, whatever session it is taken for', () => {
    expect(resume('2.1.330', { claudeSessionId: 'another' }).cost).toBe(0.013206)
    expect(resume('2.1.330', { claudeSessionId: undefined }).cost).toBe(0.013206)
  })

  test.each([
    ['2.1.276', 3],
    ['2.1.277', 2],
    ['3.0.0', 2],
    ['2.0.999', 3],
    ['x', 3],
  ])('of version %s costs %d', (claude_code_version, cost) => {
    const session = { cost: 1, claudeSessionId: 'c' }
    const init = line({ type: 'system', subtype: 'init', session_id: 'c', claude_code_version })
    expect(run(Buffer.from(init + result({ total_cost_usd: 2 })), { session }).progress.cost).toBe(cost)
  })

  test('shows the stored cost and adds to the stored tokens until a result comes', () => {
    const stream = new ClaudeStream(makeSession({ cost: 1, tokens: { input: 5, output: 5 } }))
    stream.push(assistant('m', []))
    expect(stream.progress).toMatchObject({ cost: 1, tokens: { input: 15, output: 6 } })
    expect('cost' in stream.changes).toBe(false)
  })

  test('is not completed while it runs', () => {
    const stream = new ClaudeStream(
      makeSession({ status: 'completed', completedAt: '2026-01-15T11:00:00.000Z' }),
    )
    stream.push(assistant('m', []))
    expect('completedAt' in stream.changes).toBe(true)
    expect(stream.changes.completedAt).toBe(undefined)
  })
})

describe('a run that fails says why', () => {
  test.each([
    ['2.0.0-badrequest', { code: 1 }, /^API Error: 400/],
    ['2.1.330-badrequest', { code: 1 }, /^API Error: 400/],
    ['2.0.0-maxturns', { code: 0 }, /^error_max_turns after 3 turns/],
    [
      '2.1.330-maxturns',
      { code: 1 },
      /^error_max_turns after 4 turns: Reached maximum number of turns \(3\)$/,
    ],
    ['2.0.0-killed', { code: null, signal: 'SIGTERM' }, /^killed by SIGTERM$/],
    ['2.1.330-killed', { code: 143 }, /^exit code 143: /],
    ['2.1.330-killed', { code: 0 }, /without a result/],
    ['2.1.330-killed', undefined, /without a result/],
  ])('%s with %p', (name, exit, reason) => {
    const stream = run(capture(name), { exit: null })
    expect(stream.error).toBe(undefined)
    stream.end(exit)
    expect(stream.progress.status).toBe('failed')
    expect(stream.error).toMatch(reason)
    expect(Date.parse(stream.changes.completedAt)).not.toBeNaN()
    const { durationMs } = stream.progress
    expect(stream.progress.durationMs).toBe(durationMs)
  })

  test('what a killed run was counted stands', () => {
    const stream = run(capture('2.1.330-killed'), { exit: { code: null, signal: 'SIGTERM' } })
    expect(stream.progress).toMatchObject({
      cost: 0,
      tokens: { input: 1200, output: 1, cacheRead: 4000, cacheWrite: 300 },
      messageCount: 2,
    })
  })

  test('whatever exit code a system has', () => {
    // Windows: ended by Ctrl-C.
    for (const code of [255, 3_221_225_786]) {
      const stream = new ClaudeStream(makeSession())
      stream.end({ code, signal: null })
      expect(stream.error).toBe(`exit code ${code}: the run ended without a result`)
    }
    for (const code of [0.5, Number.NaN, 2 ** 33])
      expect(thrown(() => new ClaudeStream(makeSession()).end({ code })).field).toBe('code')
  })

  test('a program that did not start', () => {
    const stream = new ClaudeStream(makeSession())
    stream.end({ code: -2, signal: null })
    expect(stream.error).toBe('the program did not start: error -2')
    expect(run(capture('2.1.330-killed'), { exit: { code: -2 } }).error).toMatch(
      /^exit code -2: the run ended/,
    )
  })

  test('a run that said nothing has its own times, not those of an earlier one', () => {
    const earlier = { startedAt: '2020-01-01T00:00:00.000Z', completedAt: '2020-01-01T00:01:00.000Z' }
    const stream = new ClaudeStream(makeSession({ status: 'completed', ...earlier }))
    stream.end({ code: 127 })
    expect(stream.changes.startedAt).toBe(stream.changes.completedAt)
    // The earlier run took a minute.
    expect(stream.progress.durationMs).toBe(60_000)
    expect(stream.changes.runMs).toBe(60_000)
  })

  test('a signal comes with the last lines of a run that said nothing else', () => {
    const said = run(Buffer.from('Error: no disk\n'), { exit: { code: null, signal: 'SIGTERM' } })
    expect(said.error).toBe('killed by SIGTERM: the run ended without a result and said: Error: no disk')
    expect(run(Buffer.from(''), { exit: { code: 1, signal: '' } }).error).toMatch(/^exit code 1: /)
  })

  test('a success without a turn answers nothing', () => {
    const empty = result({ num_turns: 0, result: '' })
    expect(run(Buffer.from(empty)).error).toBe('the run ended without an answer')
    const local = result({ num_turns: 0, result: 'Total cost: $0' })
    expect(run(Buffer.from(local)).error).toBe('the run ended without an answer')
    expect(run(Buffer.from(result({ num_turns: 2, result: '' }) + empty)).progress.status).toBe('completed')
    const failed = result({ subtype: 'error_max_turns', num_turns: 3 })
    expect(run(Buffer.from(failed + empty)).error).toBe('error_max_turns after 3 turns')
    expect(run(Buffer.from(empty + failed + result({ num_turns: 1 }))).progress.status).toBe('completed')
  })

  test('the last lines that it said in plain words are quoted', () => {
    const stream = new ClaudeStream(makeSession())
    for (let index = 1; index <= 7; index++) stream.push(`\u001b[31mline ${index}\u001b[0m\r\n`)
    stream.end({ code: 1 })
    expect(stream.error).toBe(
      'exit code 1: the run ended without a result and said: line 3\nline 4\nline 5\nline 6\nline 7',
    )
  })

  test('the reason is stored, and goes when the session runs again', () => {
    const { changes } = run(capture('2.1.330-badrequest'), { exit: { code: 1 } })
    expect(changes.error).toBe('API Error: 400 scenario badrequest')
    const again = new ClaudeStream(makeSession({ ...changes }))
    again.push(assistant('m', []))
    expect('error' in again.changes).toBe(true)
    expect(again.changes.error).toBe(undefined)
    expect('error' in run(capture('2.1.330-tools')).changes).toBe(false)
  })

  test('what it said in plain words is quoted', () => {
    const stream = new ClaudeStream(makeSession())
    stream.push('Invalid API key · Please run /login\n')
    stream.end({ code: 1 })
    expect(stream.error).toBe(
      'exit code 1: the run ended without a result and said: Invalid API key · Please run /login',
    )
  })

  test('a run without any output has failed, too', () => {
    const stream = new ClaudeStream(makeSession())
    stream.end({ code: 127 })
    expect(stream.changes).toMatchObject({ status: 'failed' })
    expect(stream.error).toMatch(/^exit code 127/)
  })
})

describe('whatever comes', () => {
  test('is read without throwing, and counted when it is not understood', () => {
    const bad = [
      'x',
      '[]',
      '5',
      '"s"',
      'null',
      '{',
      '{}',
      '{"type":5}',
      '{"type":"rate_limit"}',
      '\u0000',
      '{"type":"assistant"',
    ]
    const strange = [
      '{"type":"assistant"}',
      '{"type":"assistant","message":5}',
      '{"type":"user","message":{"content":"x"}}',
      '{"type":"result"}',
      '{"type":"result","total_cost_usd":"x","usage":[],"modelUsage":5}',
      '{"type":"stream_event","event":null}',
      '{"type":"assistant","message":{"id":5,"content":[5,null,{"type":"tool_use"}],"usage":{"input_tokens":-1}}}',
    ]
    const stream = new ClaudeStream(makeSession())
    for (const text of [...bad, ...strange, '', '   ']) stream.push(`${text}\r\n`)
    stream.push(new Uint8Array([0xff, 0xfe, 0x0a]))
    expect(stream.ignoredLines).toBe(bad.length + 1)
    stream.end({ code: 0 })
    expect(stream.progress.status).toBe('failed')
  })

  test('the last line needs no end of line', () => {
    const stream = new ClaudeStream(makeSession())
    stream.push(result({ total_cost_usd: 1 }).trimEnd())
    stream.end({ code: 0 })
    expect(stream.progress).toMatchObject({ status: 'completed', cost: 1 })
  })

  test('characters may be cut in two, and U+2028 ends no line', () => {
    const text = assistant('m', [toolUse('t', 'a\u2028b😀é')])
    const name = (chunks) => {
      const stream = new ClaudeStream(makeSession())
      for (const chunk of chunks) stream.push(chunk)
      expect(stream.ignoredLines).toBe(0)
      return stream.progress.currentTool
    }
    expect(name(text)).toBe('a\u2028b😀é')
    expect(name(text.split(''))).toBe('a\u2028b😀é')
    expect(name(Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte)))).toBe('a\u2028b😀é')
  })

  test('lone surrogates in a line do not lose the line', () => {
    const stream = new ClaudeStream(makeSession({ prompt: '\ud800' }))
    stream.push(assistant('m', [toolUse('t', 'a\ud800b')]))
    expect(stream.ignoredLines).toBe(0)
    expect(stream.progress.currentTool).toMatch(/^a.+b$/)
  })

  test('a line of a megabyte is read, one of more than 64 MiB dropped and counted', () => {
    const stream = new ClaudeStream(makeSession())
    stream.push(
      line({
        type: 'user',
        message: { content: [{ type: 'tool_result', tool_use_id: 't', content: 'x'.repeat(1e6) }] },
      }),
    )
    expect(stream.progress.messageCount).toBe(1)
    const piece = Buffer.alloc(8 * 1024 * 1024, 'x')
    for (let index = 0; index < 9; index++) stream.push(piece)
    stream.push(`\n${assistant('m', [])}`)
    expect(stream.progress.messageCount).toBe(2)
    expect(stream.ignoredLines).toBe(1)
  })

  test('a Buffer is bytes, anything else no chunk', () => {
    const stream = new ClaudeStream(makeSession())
    for (const bad of [undefined, null, 5, {}, [1], new ArrayBuffer(1), new Uint16Array(1)]) {
      expect(thrown(() => stream.push(bad))).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'chunk' })
    }
    for (const bad of [5, 'x', null]) expect(thrown(() => stream.end(bad)).code).toBe('INVALID_ARGUMENT')
    expect(thrown(() => stream.end({ code: 'x' })).field).toBe('code')
    expect(thrown(() => stream.end({ code: 1.5 })).field).toBe('code')
    expect(thrown(() => stream.end({ code: 1, signal: 9 })).field).toBe('signal')
    expect(thrown(() => new ClaudeStream(makeSession({ id: 5 }))).field).toBe('id')
    expect(thrown(() => new ClaudeStream()).field).toBe('session')
    expect(stream.progress.status).toBe('pending')
  })
})
