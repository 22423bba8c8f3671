// A test of a program that runs groups. Its process manager starts nothing and decides what each session does.
//
//   node --test examples/runner.test.mjs      bun test ./examples/runner.test.mjs

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_GROUP_CONFIG, GroupRunner, InMemoryGroupRepository } from 'session-groups'

/** The function under test. It runs a group and retries once what has failed. */
async function runWithRetry(runner, id) {
  await runner.run(id, { pauseOnError: false })
  if (runner.getProgress().failed > 0) await runner.retry(id)
}

/** A process manager whose sessions exit with the codes that are given, one after the other. */
const exitingWith = (...codes) => {
  const prompts = []
  return {
    prompts,
    spawn(_command, _args, { stdin }) {
      prompts.push(JSON.parse(stdin).message.content)
      const code = codes.shift() ?? 0
      const result = {
        type: 'result',
        subtype: 'success',
        is_error: false,
        num_turns: 1,
        total_cost_usd: 0.1,
      }
      const lines = code === 0 ? [JSON.stringify(result)] : []
      return {
        pid: prompts.length,
        stdout: (async function* () {
          yield* lines
        })(),
        stderr: (async function* () {})(),
        exitCode: Promise.resolve(code),
        kill() {},
      }
    },
  }
}

const TIME = '2026-01-15T10:30:00.000Z'

const group = {
  id: '20260115-103000-logging',
  name: 'Logging',
  slug: 'logging',
  status: 'created',
  sessions: [
    { id: 'api', prompt: 'Add logging', dependsOn: [] },
    { id: 'web', prompt: 'Log each call', dependsOn: ['api'] },
  ].map((session) => ({ ...session, projectPath: '/projects/app', status: 'pending', createdAt: TIME })),
  config: DEFAULT_GROUP_CONFIG,
  createdAt: TIME,
  updatedAt: TIME,
}

test('a session that fails once is retried, and the group completes', async () => {
  const repository = new InMemoryGroupRepository()
  await repository.save(group)
  const processManager = exitingWith(1)

  await runWithRetry(new GroupRunner({ processManager }, repository), group.id)

  const { status, sessions } = await repository.findById(group.id)
  assert.deepEqual([status, ...sessions.map(({ status }) => status)], ['completed', 'completed', 'completed'])
  assert.deepEqual(processManager.prompts, ['Add logging', 'Add logging', 'Log each call'])
})
