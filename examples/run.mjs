// Runs a group with live progress: the newest of a store, or one by its id.
//
//   node examples/run.mjs [--dir DIRECTORY] [GROUP]      bun examples/run.mjs [--dir DIRECTORY] [GROUP]
//
// Ctrl-C pauses the group. Run the program again to go on.

import { parseArgs } from 'node:util'
import { FileGroupRepository, GroupRunner } from 'session-groups'

const { values, positionals } = parseArgs({
  options: { dir: { type: 'string' } },
  allowPositionals: true,
})
const repository = new FileGroupRepository(values.dir)
const [newest] = await repository.summaries({ limit: 1 }, { field: 'createdAt', direction: 'desc' })
const id = positionals[0] ?? newest?.id
if (id === undefined) {
  console.error(`There are no groups in the store`)
  process.exit(2)
}

const runner = new GroupRunner(undefined, repository)
  .on('group_session_started', ({ sessionId }) => console.log(`${sessionId} starts`))
  .on(
    'session_progress',
    ({ sessionId, currentTool }) => currentTool && console.log(`${sessionId}: ${currentTool}`),
  )
  .on('group_session_completed', ({ sessionId, costUsd = 0 }) =>
    console.log(`${sessionId} has completed for $${costUsd.toFixed(4)}`),
  )
  .on('group_session_failed', ({ sessionId, error }) => console.log(`${sessionId} has failed: ${error}`))
  .on('tools_denied', ({ sessionId, tools }) => console.log(`${sessionId} was denied ${tools.join(', ')}`))
  .on('session_retrying', ({ sessionId, error }) => console.log(`${sessionId} is retried: ${error}`))
process.once('SIGINT', () => runner.pause().catch(console.error))

try {
  await runner.run(id)
} catch (error) {
  console.error(`${error.code}: ${error.message}`)
  process.exit(1)
}
const { completed, totalSessions, totalCost } = runner.getProgress()
console.log(`${completed} of ${totalSessions} sessions have completed, $${totalCost.toFixed(4)}`)
if (runner.getState() === 'paused') console.log(`The group is paused: ${runner.getPauseReason()}`)
process.exitCode = (await repository.findById(id)).status === 'completed' ? 0 : 1
