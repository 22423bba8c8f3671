// Stands in for Claude Code: replays recorded sessions. No model runs, and nothing is spent.
//
//   node examples/claude.mjs [--pace MS] -p --session-id UUID --max-budget-usd USD …
//
// It understands the options that session-groups passes to `claude`. Like Claude Code, it waits for the prompt on its standard
// input, can be interrupted, stops after the answer that exceeds its budget, and finishes its turn if its runner is killed.
// The recorded tasks are tiny, so each answer costs a hundred times as much as the recorded one.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

/** US dollars of one answer of the model. */
const ANSWER = 0.0044 * 100

const args = process.argv.slice(2)
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined)

if (args.includes('--version')) {
  console.log('2.1.332 (Claude Code)')
  process.exit()
}

const pace = Number(option('--pace') ?? 0)
const limit = Number(option('--max-budget-usd') ?? Number.POSITIVE_INFINITY)
const conversation = option('--resume') ?? option('--session-id')
const answers = new Set()
let isInterrupted = false

const input = createInterface({ input: process.stdin })
const isClosed = new Promise((resolve) => input.once('close', resolve))
const hasPrompt = new Promise((resolve) => {
  input.on('line', (line) => {
    const message = JSON.parse(line)
    if (message.type === 'user') resolve(true)
    if (message.request?.subtype === 'interrupt') interrupt(message.request_id)
  })
  input.once('close', () => resolve(false))
})
if (await hasPrompt) process.exitCode = (await replay(read(recording()))) ? 0 : 1
await isClosed

/** The name of the recording to replay. */
function recording() {
  if (option('--resume')) return '2.1.330-resume'
  // The variable names the group and the session.
  return process.env.SESSION_GROUPS_SESSION?.includes('/client') ? '2.1.330-parallel' : '2.1.330-tools'
}

function read(name) {
  const file = path.join(import.meta.dirname, 'captures', `${name}.jsonl`)
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Prints a recording. Returns `true` if it ends with a success. */
async function replay(lines) {
  for (const line of lines) {
    await pause(pace)
    if (isInterrupted) return finish(read('2.1.332-interrupt').at(-1))
    if (line.type === 'result') return finish(line)
    print(line)
    if (line.type === 'assistant') answers.add(line.message.id)
    if (answers.size * ANSWER > limit) {
      const errors = [`Reached maximum budget ($${limit})`]
      return finish({ ...read('2.1.332-budget').at(-1), errors })
    }
  }
  return false
}

function interrupt(id) {
  isInterrupted = true
  print({ type: 'control_response', response: { subtype: 'success', request_id: id } })
}

/** Prints a result with the number and the cost of the answers. */
function finish(result) {
  const cost = answers.size * ANSWER
  const price = (models) =>
    Object.fromEntries(Object.entries(models).map(([model, usage]) => [model, { ...usage, costUSD: cost }]))
  print({
    ...result,
    num_turns: answers.size,
    total_cost_usd: cost,
    modelUsage: price(result.modelUsage),
    model_usage_since_last_result: price(result.model_usage_since_last_result),
  })
  return !result.is_error
}

function print(line) {
  console.log(JSON.stringify('session_id' in line ? { ...line, session_id: conversation } : line))
}
