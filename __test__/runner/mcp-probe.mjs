#!/usr/bin/env node
// A server of the Model Context Protocol with one tool, `ping`. It notes its pid in the file that its argument names.
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

writeFileSync(process.argv[2], `${process.pid}`)

const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'probe', version: '1.0.0' },
  }),
  'tools/list': () => ({
    tools: [
      {
        name: 'ping',
        description: 'Answers with pong',
        inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
      },
    ],
  }),
  'tools/call': ({ arguments: { text } }) => ({ content: [{ type: 'text', text: `pong ${text}` }] }),
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) continue
  const result = answers[method]?.(params)
  const answer = result ? { result } : { error: { code: -32_601, message: `no ${method}` } }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer })}\n`)
}
