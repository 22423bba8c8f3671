// The measured groups: about 9 KB and ten sessions each, with six statuses in equal shares.

import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DEFAULT_GROUP_CONFIG } from 'session-groups'

const STATUSES = ['created', 'running', 'paused', 'completed', 'failed', 'archived']
const PROMPT =
  'Read the specification of the public interface, then change the module so that every test of it passes; ' +
  'write the tests that are missing before the code, and keep the names that other modules use. '

const time = (minutes) => new Date(Date.UTC(2026, 0, 1) + minutes * 60_000).toISOString()

export function group(number, sessions = 10) {
  return {
    id: `20260101-000000-group-${number}`,
    name: `Group ${number}`,
    slug: `group-${number}`,
    status: STATUSES[number % STATUSES.length],
    sessions: Array.from({ length: sessions }, (_, index) => session(index)),
    config: DEFAULT_GROUP_CONFIG,
    // The order differs from that of the ids, so that sorting has work to do.
    createdAt: time((number * 7919) % 100_003),
    updatedAt: time(200_000 + number),
  }
}

export function session(index) {
  return {
    id: `${String(index).padStart(3, '0')}-session`,
    projectPath: `/home/someone/projects/project-${index}`,
    prompt: PROMPT.repeat(2) + index,
    status: 'completed',
    dependsOn: index ? [`${String(index - 1).padStart(3, '0')}-session`] : [],
    claudeSessionId: `0f8fad5b-d9cb-469f-a165-${String(index).padStart(12, '0')}`,
    createdAt: time(index),
    startedAt: time(index + 1),
    completedAt: time(index + 5),
    cost: 0.25 + index / 100,
    tokens: { input: 120_000 + index, output: 8_000, cacheRead: 90_000, cacheWrite: 20_000 },
  }
}

/** Writes a store in the package's layout and returns its size in bytes. */
export function makeStore(base, groups, sessions = 10) {
  let bytes = 0
  for (let number = 0; number < groups; number += 1) {
    const made = group(number, sessions)
    const directory = path.join(base, made.id)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const text = JSON.stringify(made, null, 2)
    bytes += text.length
    writeFileSync(path.join(directory, 'meta.json'), text, { mode: 0o600 })
  }
  return bytes
}
