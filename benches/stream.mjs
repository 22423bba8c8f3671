// Session output for the benchmark: recorded lines, and lines with the large results of a tool that reads files.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../scripts/process.mjs'

const CAPTURE = path.join(root, 'examples', 'captures', '2.1.330-subagent.jsonl')
const CHUNK = 64 * 1024

/** Returns about `bytes` bytes of recorded lines, in chunks of a pipe's size. */
export const ordinaryLines = (bytes) => chunks(repeated(readFileSync(CAPTURE), bytes))

/** Returns one turn of `count` messages, each with its own id. */
export function distinctMessages(count) {
  const line = (index) =>
    JSON.stringify({
      type: 'assistant',
      message: {
        id: `msg_${index}`,
        model: 'sonnet',
        content: [{ type: 'text', text: 'Next.' }],
        usage: { input_tokens: 1_200 + index, output_tokens: 1, cache_read_input_tokens: 4_000 },
      },
      parent_tool_use_id: null,
      session_id: 's',
    })
  return Array.from({ length: count }, (_, index) => Buffer.from(`${line(index)}\n`))
}

/** Returns lines of the same session with tool results of 200 KB each. */
export function longLines(bytes) {
  const lines = readFileSync(CAPTURE, 'utf8').trimEnd().split('\n')
  const result = JSON.parse(lines.find((line) => line.includes('"tool_result"')))
  const content = result.message.content.find(({ type }) => type === 'tool_result')
  content.content = 'export const answer = "forty-two" // as the tests want it\n'.repeat(3_500)
  return chunks(repeated(Buffer.from(`${JSON.stringify(result)}\n`), bytes))
}

/** Reads the chunks without the package: splits lines, parses them, and adds up usage and cost. */
export function readPlainly(chunks) {
  const decoder = new TextDecoder()
  const seen = new Map()
  let rest = ''
  let cost = 0
  for (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()
    for (const line of lines) {
      if (line === '') continue
      const event = JSON.parse(line)
      if (event.type === 'assistant') seen.set(event.message.id, event.message.usage)
      if (event.type === 'result') cost += event.total_cost_usd
    }
  }
  return { cost, messages: seen.size }
}

function repeated(bytes, least) {
  return Buffer.concat(Array.from({ length: Math.ceil(least / bytes.length) }, () => bytes))
}

function chunks(bytes) {
  const all = []
  for (let at = 0; at < bytes.length; at += CHUNK) all.push(bytes.subarray(at, at + CHUNK))
  return all
}
