// 10,000 operations leave nothing behind: the second half needs no more memory than the first.

import assert from 'node:assert/strict'
import {
  ClaudeStream,
  FileGroupRepository,
  InMemoryGroupRepository,
  ProgressAggregator,
} from 'session-groups'
import { freshDir, group } from './use.cjs'

const MOST_MIB = 24
const session = {
  id: 's',
  projectPath: '/p',
  prompt: 'x'.repeat(10_000),
  status: 'pending',
  dependsOn: [],
  createdAt: '2026-01-15T10:30:00.000Z',
}
const files = new FileGroupRepository(freshDir(), { durability: 'process' })
const memory = new InMemoryGroupRepository()
const aggregator = new ProgressAggregator()

async function operations(times) {
  for (let round = 0; round < times; round += 5) {
    const whole = group(`g${round % 10}`, [session])
    await files.save(whole)
    await files.list()
    await memory.save(whole)
    aggregator.computeProgress(whole)
    new ClaudeStream(session).push(
      `${JSON.stringify({ type: 'user', message: { content: session.prompt } })}\n`,
    )
  }
  for (let round = 0; round < 5; round += 1) {
    globalThis.gc?.()
    globalThis.Bun?.gc(true)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return process.memoryUsage().rss / 2 ** 20
}

const warm = await operations(5_000)
const first = await operations(5_000)
const second = await operations(5_000)
const grown = Math.min(second - first, second - warm)
assert.ok(grown < MOST_MIB, `grew from ${warm} by ${first} to ${second} MiB`)
console.log('ok')
