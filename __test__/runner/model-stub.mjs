#!/usr/bin/env node
import { appendFileSync } from 'node:fs'
// A stand-in for the model's HTTP API on loopback, so that the real Claude Code CLI can be run
// without the network. What it answers is chosen by a word in the prompt: `scenario:NAME`.
//   node model-stub.mjs [PORT]      PORT 0 (the default) takes a free one; the port is printed.
// Further words in the prompt: `arg64:BASE64` (what a scenario works on: a command, a path, a number) and `now:NAME` (the last one wins over
// `scenario:NAME`, and turns count from there: how a resumed conversation is told to do something else).
// STUB_LOG=FILE appends every request, the tokens of every complete answer, and every answer that the client gave up on, as one
// JSON line. STUB_OUTPUT_TOKENS=N sets the output tokens of an answer.
import http from 'node:http'

/** Output tokens of each answer. */
const outputTokens = Number(process.env.STUB_OUTPUT_TOKENS ?? 85)
const usage = (turn) => ({
  input_tokens: 1200 + turn,
  cache_creation_input_tokens: 300,
  cache_read_input_tokens: 4000,
  output_tokens: 1,
})
const text = (t) => ({ type: 'text', text: t })
const bash = (command, more) => ({
  type: 'tool_use',
  name: 'Bash',
  input: { command, description: 'run a command', ...more },
})
const use = (name, input) => ({ type: 'tool_use', name, input })
const task = (prompt, more) =>
  use('Task', { description: 'help', prompt, subagent_type: 'general-purpose', ...more })
const fail = (status, type, message, headers) => ({ status, error: { type, message }, headers })
// The first `n` main requests of a conversation get `bad`, later ones `good`.
const times = (n, bad, good) => (t, body, ctx) => (ctx.seen < n ? bad : good(t, body, ctx))
const done = () => ({ blocks: [text('All done.')] })
const unified = (status, more) => ({
  'anthropic-ratelimit-unified-status': status,
  'anthropic-ratelimit-unified-reset': String(Math.floor(Date.now() / 1000) + 3600),
  'anthropic-ratelimit-unified-representative-claim': 'five_hour',
  'anthropic-ratelimit-unified-fallback': 'available',
  ...more,
})

// Each scenario: (turn, body, ctx) => { blocks, status?, delayMs? }; turn counts the answers already given in this conversation.
const scenarios = {
  simple: () => ({ blocks: [text('All done.')] }),
  tools: (t) => ({ blocks: t === 0 ? [bash('echo hello-from-tool')] : [text('All done.')] }),
  parallel: (t) => ({
    blocks: t === 0 ? [text('Two at once.'), bash('echo one'), bash('echo two')] : [text('Both done.')],
  }),
  long: (t) => ({ blocks: t < 12 ? [bash(`echo step-${t}`)] : [text('Twelve steps done.')] }),
  unicode: (t) => ({
    blocks: t === 0 ? [bash('printf "héllo — 日本語 — 🚀\\n"')] : [text('完了 ✅ — naïve café \u2028 end')],
  }),
  big: (t) => ({
    blocks: t === 0 ? [bash('head -c 29000 /dev/zero | tr "\\0" "x"')] : [text('y'.repeat(200_000))],
  }),
  badrequest: () => ({
    status: 400,
    error: { type: 'invalid_request_error', message: 'scenario badrequest' },
  }),
  toolfail: (t) => ({ blocks: t === 0 ? [bash('exit 3')] : [text('The tool failed, reported.')] }),
  slow: (t) => ({ blocks: t < 3 ? [bash(`sleep 1; echo slow-${t}`)] : [text('Slow done.')], delayMs: 500 }),
  hang: (t) => ({
    blocks: t === 0 ? [bash('echo before-hang')] : [text('never')],
    delayMs: t === 0 ? 0 : 600_000,
  }),
  subagent: (t, body) => {
    const whole = JSON.stringify(body.messages[0])
    if (whole.includes('You are the helper'))
      return { blocks: t === 0 ? [bash('echo from-subagent')] : [text('Helper done.')] }
    return { blocks: t === 0 ? [task('You are the helper. scenario:subagent')] : [text('Parent done.')] }
  },
  // a command of the caller's choosing: in the foreground, in the background, twice at once
  cmd: (t, _b, ctx) => ({ blocks: t === 0 ? [bash(ctx.arg)] : [text('Command done.')] }),
  cmdtwice: (t, _b, ctx) => ({
    blocks: t === 0 ? [bash(ctx.arg), bash('echo second')] : [text('Command done.')],
  }),
  cmdlong: (t, _b, ctx) => ({
    blocks: t === 0 ? [bash(ctx.arg, { timeout: 600_000 })] : [text('Command done.')],
  }),
  // a command that ends once the file `gate` exists in the project
  gate: (t) => ({
    blocks:
      t === 0 ? [bash('until [ -e gate ]; do sleep 0.1; done; echo open')] : [text('It is open. All done.')],
  }),
  bg: (t, _b, ctx) => ({
    blocks:
      t === 0
        ? [bash(ctx.arg || 'sleep 300', { run_in_background: true })]
        : [text('Started it in the background.')],
  }),
  bgthenhang: (t, _b, ctx) => ({
    blocks: t === 0 ? [bash(ctx.arg || 'sleep 300', { run_in_background: true })] : [text('never')],
    delayMs: t ? 600_000 : 0,
  }),
  // a sub-agent that runs the caller's command; in the foreground, and as the CLI likes
  agentcmd: (t, body, ctx) => {
    if (JSON.stringify(body.messages[0]).includes('You are the helper'))
      return { blocks: t === 0 ? [bash(ctx.arg || 'sleep 300')] : [text('Helper done.')] }
    return {
      blocks:
        t === 0
          ? [task(`You are the helper. scenario:agentcmd arg64:${ctx.arg64}`, { run_in_background: false })]
          : [text('Parent done.')],
    }
  },
  agentbg: (t, body, ctx) => {
    if (JSON.stringify(body.messages[0]).includes('You are the helper'))
      return { blocks: t === 0 ? [bash(ctx.arg || 'sleep 300')] : [text('Helper done.')] }
    return {
      blocks:
        t === 0
          ? [task(`You are the helper. scenario:agentbg arg64:${ctx.arg64}`, { run_in_background: true })]
          : [text('Parent done.')],
    }
  },
  // how slowly, and how incompletely, an answer can come
  slowfirst: () => ({ blocks: [text('Late but there.')], delayMs: 20_000 }),
  never: () => ({ blocks: [text('never')], delayMs: 3_600_000 }),
  drip: () => ({ blocks: [text('word '.repeat(240))], dripMs: 250, dripChars: 5 }),
  driptool: (t, _b, ctx) => ({
    blocks: t === 0 ? [text('word '.repeat(8)), bash(ctx.arg || 'echo dripped')] : [text('Done.')],
    dripMs: 250,
    dripChars: 5,
  }),
  stall: () => ({ blocks: [text('begun, then silence')], stallAfter: 1 }),
  cut: () => ({ blocks: [text('begun, then the connection breaks')], cutAfter: 1 }),
  cutonce: (_t, _b, ctx) =>
    ctx.seen < 1 ? { blocks: [text('begun, then the connection breaks')], cutAfter: 1 } : done(),
  reset: () => ({ reset: true }),
  streamerror: () => ({
    blocks: [text('begun, then an error event')],
    errorAfter: { type: 'overloaded_error', message: 'Overloaded' },
  }),
  maxtokens: () => ({ blocks: [text('cut short by the token lim')], stop: 'max_tokens' }),
  refusal: () => ({ blocks: [text('I cannot.')], stop: 'refusal' }),
  empty: () => ({ blocks: [] }),
  // refusals of the API
  unauthorized: () => fail(401, 'authentication_error', 'invalid x-api-key'),
  forbidden: () =>
    fail(403, 'permission_error', 'Your API key does not have permission to use the specified resource.'),
  payment: () => fail(402, 'billing_error', 'There is an issue with your billing.'),
  credit: () =>
    fail(
      400,
      'invalid_request_error',
      'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
    ),
  nomodel: () => fail(404, 'not_found_error', 'model: no-such-model'),
  toolarge: () => fail(413, 'request_too_large', 'Request exceeds the maximum size'),
  toolong: () => fail(400, 'invalid_request_error', 'prompt is too long: 250000 tokens > 200000 maximum'),
  ratelimit: () =>
    fail(429, 'rate_limit_error', 'Number of request tokens has exceeded your per-minute rate limit'),
  ratelimitafter: () =>
    fail(429, 'rate_limit_error', 'Number of request tokens has exceeded your per-minute rate limit', {
      'retry-after': '2',
    }),
  ratelimitlong: () =>
    fail(429, 'rate_limit_error', 'Number of request tokens has exceeded your per-minute rate limit', {
      'retry-after': '600',
    }),
  ratelimitarg: (_t, _b, ctx) =>
    fail(429, 'rate_limit_error', 'Number of request tokens has exceeded your per-minute rate limit', {
      'retry-after': ctx.arg,
    }),
  ratelimitonce: times(
    1,
    fail(429, 'rate_limit_error', 'Number of request tokens has exceeded your per-minute rate limit', {
      'retry-after': '600',
    }),
    done,
  ),
  ratelimittwice: times(
    2,
    fail(429, 'rate_limit_error', 'Number of request tokens has exceeded your per-minute rate limit', {
      'retry-after': '1',
    }),
    done,
  ),
  overloaded: () => fail(529, 'overloaded_error', 'Overloaded'),
  overloadedtwice: times(2, fail(529, 'overloaded_error', 'Overloaded'), done),
  servererror: () => fail(500, 'api_error', 'Internal server error'),
  servererrortwice: times(2, fail(500, 'api_error', 'Internal server error'), done),
  // a subscription's limits, told in headers
  unifiedok: () => ({
    blocks: [text('All done.')],
    headers: unified('allowed', {
      'anthropic-ratelimit-unified-5h-utilization': '0.31',
      'anthropic-ratelimit-unified-5h-reset': String(Math.floor(Date.now() / 1000) + 3600),
    }),
  }),
  unifiedwarn: () => ({
    blocks: [text('All done.')],
    headers: unified('allowed_warning', {
      'anthropic-ratelimit-unified-5h-utilization': '0.93',
      'anthropic-ratelimit-unified-5h-surpassed-threshold': '0.9',
      'anthropic-ratelimit-unified-5h-status': 'allowed_warning',
      'anthropic-ratelimit-unified-5h-reset': String(Math.floor(Date.now() / 1000) + 3600),
    }),
  }),
  unifiedrejected: () =>
    fail(
      429,
      'rate_limit_error',
      "This request would exceed your account's rate limit. Please try again later.",
      unified('rejected', {
        'retry-after': '3600',
        'anthropic-ratelimit-unified-overage-status': 'rejected',
        'anthropic-ratelimit-unified-overage-disabled-reason': 'out_of_credits',
      }),
    ),
  // other tools
  write: (t, _b, ctx) => ({
    blocks:
      t === 0
        ? [use('Write', { file_path: ctx.arg || 'written.txt', content: 'written by the stub\n' })]
        : [text('Written.')],
  }),
  read: (t, _b, ctx) => ({ blocks: t === 0 ? [use('Read', { file_path: ctx.arg })] : [text('Read.')] }),
  ask: (t) => ({
    blocks:
      t === 0
        ? [
            use('AskUserQuestion', {
              questions: [
                {
                  question: 'Which one?',
                  header: 'Choice',
                  multiSelect: false,
                  options: [
                    { label: 'A', description: 'first' },
                    { label: 'B', description: 'second' },
                  ],
                },
              ],
            }),
          ]
        : [text('Asked.')],
  }),
  plan: (t) => ({ blocks: t === 0 ? [use('ExitPlanMode', { plan: 'Do it.' })] : [text('Planned.')] }),
  structured: (t, _b, ctx) => ({
    blocks:
      t === 0 ? [use('StructuredOutput', JSON.parse(ctx.arg || '{"name":"x"}'))] : [text('Structured.')],
  }),
  mcp: (t, _b, ctx) => ({
    blocks: t === 0 ? [use('mcp__probe__ping', { text: ctx.arg || 'hi' })] : [text('Pinged.')],
  }),
  skill: (t, _b, ctx) => ({ blocks: t === 0 ? [use('Skill', { skill: ctx.arg })] : [text('Skilled.')] }),
  tool: (t, _b, ctx) => {
    const [name, input] = JSON.parse(ctx.arg)
    return { blocks: t === 0 ? [use(name, input)] : [text('Used it.')] }
  },
}

let serial = 0
const seen = new Map()
const log = (entry) =>
  process.env.STUB_LOG &&
  appendFileSync(process.env.STUB_LOG, `${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`)
const words = (messages) => JSON.stringify(messages)
const isAssistant = (m) => m.role === 'assistant'

// The scenario that a conversation asks for, and the number of answers since.
function asked(body) {
  const whole = words(body.messages)
  const found = (whole.match(/scenario:([a-z]+)/) || [])[1] || 'simple'
  let from = 0,
    name = found
  body.messages.forEach((m, i) => {
    const now = m.role === 'user' && [...words(m).matchAll(/now:([a-z]+)/g)].pop()
    if (now) {
      name = now[1]
      from = i
    }
  })
  const turn = body.messages.slice(from).filter(isAssistant).length
  const arg64 = ([...words(body.messages.slice(from)).matchAll(/arg64:([A-Za-z0-9+/=]+)/g)].pop() || [])[1]
  return { name, turn, arg64, arg: arg64 && Buffer.from(arg64, 'base64').toString() }
}

function answer(req, res, raw) {
  const entry = { method: req.method, url: req.url, headers: req.headers, body: safeParse(raw) }
  log(entry)
  const n = ++serial
  res.on('close', () => res.writableFinished || log({ gaveUp: n, url: req.url }))
  if (req.url.startsWith('/v1/messages/count_tokens')) return json(res, 200, { input_tokens: 10 })
  if (!req.url.startsWith('/v1/messages')) return json(res, 404, {})
  const body = JSON.parse(raw)
  const { name, turn, arg, arg64 } = asked(body)
  const key = `${name} ${req.headers['x-claude-code-session-id'] || body.metadata?.user_id || ''}`
  const ctx = { arg, arg64, seen: seen.get(key) || 0 }
  const helperCall = !(body.tools || []).length && !/notools/.test(words(body.messages)) // titles, summaries and the like
  if (!helperCall) seen.set(key, ctx.seen + 1)
  const plan = helperCall ? { blocks: [text('ok')] } : (scenarios[name] || scenarios.simple)(turn, body, ctx)
  for (const [k, v] of Object.entries(plan.headers || {})) res.setHeader(k, v)
  if (plan.reset) return req.socket.destroy()
  if (plan.status) return json(res, plan.status, { type: 'error', error: plan.error })
  const id = `msg_${String(n).padStart(20, '0')}`
  const blocks = plan.blocks.map((b, i) => (b.type === 'tool_use' ? { ...b, id: `toolu_${n}_${i}` } : b))
  const stop = plan.stop || (blocks.some((b) => b.type === 'tool_use') ? 'tool_use' : 'end_turn')
  const billed = { ...usage(turn), output_tokens: outputTokens }
  const timer = setTimeout(() => send(), plan.delayMs || 0)
  res.on('close', () => clearTimeout(timer))
  async function send() {
    if (!body.stream) {
      log({ billed })
      return json(res, 200, {
        id,
        type: 'message',
        role: 'assistant',
        model: body.model,
        content: blocks,
        stop_reason: stop,
        stop_sequence: null,
        usage: billed,
      })
    }
    res.setHeader('content-type', 'text/event-stream')
    const ev = (type, data) => res.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)
    const pause = () => plan.dripMs && new Promise((r) => setTimeout(r, plan.dripMs))
    ev('message_start', {
      message: {
        id,
        type: 'message',
        role: 'assistant',
        model: body.model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: usage(turn),
      },
    })
    let pieces = 0
    for (const [index, b] of blocks.entries()) {
      if (b.type === 'text') {
        ev('content_block_start', { index, content_block: text('') })
        const step = plan.dripChars || 4096
        for (let i = 0; i < b.text.length; i += step) {
          if (res.destroyed) return
          ev('content_block_delta', { index, delta: { type: 'text_delta', text: b.text.slice(i, i + step) } })
          pieces++
          await pause()
          if (plan.stallAfter === pieces) return
          if (plan.cutAfter === pieces) return void setTimeout(() => res.destroy(), 50)
          if (plan.errorAfter) {
            ev('error', { error: plan.errorAfter })
            return res.end()
          }
        }
      } else {
        ev('content_block_start', { index, content_block: { ...b, input: {} } })
        ev('content_block_delta', {
          index,
          delta: { type: 'input_json_delta', partial_json: JSON.stringify(b.input) },
        })
      }
      ev('content_block_stop', { index })
    }
    ev('message_delta', {
      delta: { stop_reason: stop, stop_sequence: null },
      usage: { output_tokens: outputTokens },
    })
    ev('message_stop', {})
    log({ billed })
    res.end()
  }
}
function safeParse(raw) {
  try {
    return JSON.parse(raw)
  } catch {
    return raw
  }
}
function json(res, status, value) {
  res.statusCode = status
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify(value))
}
const server = http.createServer((req, res) => {
  let raw = ''
  req.on('data', (c) => (raw += c)).on('end', () => answer(req, res, raw))
})
server.keepAliveTimeout = 60_000
server.listen(Number(process.argv[2] || 0), '127.0.0.1', () => console.log(server.address().port))
