// Imports a store written by another tool: verifies it, prints the problems, and copies the valid groups.
//
//   node examples/import.mjs FROM TO
//
// Stop the other tool first. It ignores the locks of this package, so updates of both would be lost.

import { FileGroupRepository, SessionGroupsError } from 'session-groups'

const [from, to] = process.argv.slice(2)
if (!from || !to) {
  console.error('usage: node examples/import.mjs FROM TO')
  process.exit(2)
}
const old = new FileGroupRepository(from)
const repository = new FileGroupRepository(to)

// `verify` and `list` do not write to the old store.
for (const { path, kind, message } of await old.verify()) console.log(`${kind}: ${path}\n  ${message}`)

for (const group of await old.list()) {
  try {
    await repository.save(group, { ifAbsent: true })
    console.log(`imported ${group.id}, ${group.sessions.length} sessions`)
  } catch (error) {
    if (!(error instanceof SessionGroupsError)) throw error
    console.log(`left out ${group.id}: ${error.message}`)
  }
}
