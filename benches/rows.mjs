// The rows of the benchmark. A row does the same work in several ways, each a function that returns its time in milliseconds:
// `ours` with the package, `plain` in plain TypeScript, `sqlite` with SQLite, and `floor` with bare calls as a lower bound.
// Its other fields:
// - `goals`: the goals for the ratio of a way's time to the package's, on Node and on Bun
// - `most`: the goal for the package's time, in milliseconds
// - `latency`: true if a round returns the times of many events, so that the longest is reported too
// - `rounds`: number of rounds, if other than that of all rows
// - `check()`: throws if the ways do not return the same
// - `skipped`: the reason why the row cannot be measured

import { memoryRows } from './rows/memory.mjs'
import { processRows } from './rows/processes.mjs'
import { queryRows } from './rows/queries.mjs'
import { watchRow } from './rows/watch.mjs'
import { writeRows } from './rows/writes.mjs'

export const rows = (stores) => [
  ...queryRows(stores),
  ...writeRows(stores),
  ...processRows(stores),
  watchRow(stores),
  ...memoryRows(stores),
]
