// Shows the live progress of a session whose Claude Code output is piped into standard input.
//
//   claude -p "Fix the tests" --output-format stream-json --verbose | node examples/live.mjs [--dir PATH]

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { ClaudeStream, DEFAULT_GROUP_CONFIG, FileGroupRepository } from 'session-groups'
import { Screen, sessionLine } from './terminal.mjs'

const USAGE =
  'usage: claude -p "…" --output-format stream-json --verbose | node examples/live.mjs [--dir PATH]'

if (process.stdin.isTTY) {
  console.error(USAGE)
  process.exit(2)
}
const { values } = parseArgs({ options: { dir: { type: 'string' } } })
const dir = values.dir ?? mkdtempSync(path.join(tmpdir(), 'session-groups-live-'))
const repository = new FileGroupRepository(dir)

const now = new Date().toISOString()
const session = {
  id: '001-live',
  projectPath: process.cwd(),
  prompt: 'given on the command line',
  status: 'pending',
  dependsOn: [],
  createdAt: now,
}
const group = {
  id: `${now.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}-live-${process.pid}`,
  name: 'A live session',
  slug: `live-${process.pid}`,
  status: 'running',
  sessions: [session],
  config: { ...DEFAULT_GROUP_CONFIG },
  createdAt: now,
  updatedAt: now,
}
await repository.save(group)

const stream = new ClaudeStream(session)
const screen = process.stdout.isTTY ? new Screen() : undefined
let lastLine
let storedAt = 0
for await (const chunk of process.stdin) {
  if (!stream.push(chunk)) continue
  const line = sessionLine(stream.progress)
  if (screen) screen.draw([line])
  else if (line !== lastLine) console.log(line)
  lastLine = line
  // Other processes see the progress twice a second, not with every message.
  if (Date.now() - storedAt < 500) continue
  storedAt = Date.now()
  await repository.updateSession(group.id, session.id, stream.changes)
}
// The exit code of the other end of a pipe is unknown. A run without a successful result counts as failed anyway; one
// with a successful result is trusted.
stream.end({ code: 0 })
screen?.close()

await repository.updateSession(group.id, session.id, { ...stream.changes, error: stream.error })
const { status } = stream.progress
await repository.update(group.id, { status, completedAt: new Date().toISOString() })
console.log(`\n${sessionLine(stream.progress)}${stream.error === undefined ? '' : `\n${stream.error}`}`)
console.log(`Stored in ${path.join(dir, group.id, 'meta.json')}`)
process.exitCode = status === 'completed' ? 0 : 1
