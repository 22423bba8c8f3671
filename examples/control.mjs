// Controls the runner of a group from another process, and waits for the result.
//
//   node examples/control.mjs pause GROUP [--dir DIRECTORY] [--drain]
//   node examples/control.mjs resume GROUP [--dir DIRECTORY] [--budget USD]
//   node examples/control.mjs stop GROUP [--dir DIRECTORY] [--now]

import { parseArgs } from 'node:util'
import { control, FileGroupRepository } from 'session-groups'

const { values, positionals } = parseArgs({
  options: {
    dir: { type: 'string' },
    drain: { type: 'boolean' },
    now: { type: 'boolean' },
    budget: { type: 'string' },
  },
  allowPositionals: true,
})
const [request, id] = positionals
const repository = new FileGroupRepository(values.dir)
try {
  const budget = values.budget === undefined ? undefined : Number(values.budget)
  await control(repository, id, request, {
    drain: values.drain,
    now: values.now,
    budget,
    by: `process ${process.pid}`,
  })
  // The runner has acted, and running sessions may need a moment to end.
  for await (const { group } of repository.watch({ id })) {
    if (group !== null && group.status === 'running' && request !== 'resume') continue
    console.log(`The group is ${group?.status ?? 'deleted'}`)
    break
  }
} catch (error) {
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = 1
}
