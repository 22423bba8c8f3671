// The text of docs/benchmark.md.

import { otherTable, plainTable, skippedRows, sqliteTable } from './tables.mjs'

/** Returns the tables with what they were measured on. `notes` are lines about what could not be measured. */
export function report(machine, results, notes) {
  return [
    machine,
    [...notes, ...skippedRows(results)].map((note) => `- ${note}`).join('\n'),
    ...section('Against SQLite', SQLITE, sqliteTable(results), SQLITE_MEANING),
    ...section('Against plain TypeScript', PLAIN, plainTable(results), PLAIN_MEANING),
    ...section('Other rows', '', otherTable(results)),
  ]
    .filter(Boolean)
    .join('\n\n')
}

/** A section is left out if no row of its table was selected. */
const section = (title, text, table, ...more) => (table ? [`## ${title}`, text, table, ...more] : [])

export const page = (report) => `# The benchmark

\`npm run bench -- --write\` measures and writes this page. The store has 1,000 groups of ten sessions, 9 KB each, in the page cache. All ways of one row take turns in one process, each after each other one, so that noise affects them alike. A ratio above 1 means that the package is faster; "slower" marks the others. The goal is in brackets, whether reached or not. [growth.md](growth.md) has the stores of 10,000 to 100,000 groups.

${report}
`

const SQLITE = `SQLite holds each group as a row: its JSON, and columns with an index for the status and both times. It runs with prepared statements, a write-ahead log and a page cache of 64 MiB, with \`synchronous=FULL\` where the row is durable and \`NORMAL\` elsewhere: [benches/sqlite.mjs](../benches/sqlite.mjs). A query for the first time is one of a newly opened store or database. A query again is a single call after the other ways had their turn; in a loop it is called 50 times in a row.

The row about a change in another process shows the time from the acknowledgement of a write there to the call of the listener here. Its goals are a median under 2 ms and a maximum under 10 ms. The time is negative if the listener is called before the write is acknowledged. SQLite has no notification, so the program with SQLite polls \`PRAGMA data_version\` every 50 ms.`

const SQLITE_MEANING = `**Where SQLite is faster.** A single durable update is one append to a log and one fsync in SQLite. This package writes a new file and renames it, which takes an fsync of the file and one of its directory. It writes concurrent updates of one group together, so that many at once cost little more than one. Each call of SQLite is a transaction of its own here, as calls from different parts of a program are; a program that collects its updates into one transaction pays for one fsync.

**What a count costs.** A count is a lookup here and a search in an index in SQLite, each within the calling thread. A single count after other work finds the processor's caches cold and takes as long as any call of a native addon then: the last tables have a count of an empty \`InMemoryGroupRepository\`, which looks at nothing. In a loop, a third of the time goes into the two system calls which prove that no process has changed anything, and most of the rest into the call of the addon, the filter and the promise.

**Advantages of the plain file.**

- Any editor, \`grep\`, \`git\`, \`rsync\` and every backup program can read it, and restore a single group. A database in use must not be copied file by file.
- The TypeScript original, \`claude-code-agent\`, reads the same store.
- There is no database file that can be corrupted as a whole. A damaged file is one group, and \`verify\` reports it.
- Several processes can write to one store. Their updates of different groups do not wait for one another, while SQLite has one writer at a time.
- Reads and writes do not block the event loop, except for \`JSON.parse\` and \`JSON.stringify\`. A call of SQLite blocks it until the disk has answered.

**Advantages of SQLite.** It has transactions over several groups, any query, and an index for each.`

const PLAIN = `The plain way is [benches/plain.ts](../benches/plain.ts): \`node:fs/promises\`, a queue for each group, no fsync even in durable rows, no checks. The last number in a cell is the time of the bare calls, made by JavaScript one after the other: reading the bytes and \`JSON.parse\`, a stat of every file, writing and renaming, with an fsync if the row is durable. Work on several threads can be faster than that.`

const PLAIN_MEANING = `**list() for the first time on Bun.** Bun reads files with little overhead and parses a group of 9 KB in 6 µs. The plain way takes 23 ms of processor time for 1,000 groups, the package 32 ms: it checks every field of each file, which takes 6 µs for a group, and keeps what it has read for the next query. Both use two cores about equally well. In a new process, where Bun has not compiled the plain way's code yet, both take the same time.`
