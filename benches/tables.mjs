// The tables of the benchmark. `results` holds the measured rows of each runtime.

import { RUNTIMES } from '../scripts/runtimes.mjs'

/** Compares the package with SQLite. */
export const sqliteTable = (results) =>
  table(
    results,
    ({ ways }) => ways.includes('sqlite'),
    ({ name }) => `${name}: SQLite / package = ratio (goal)`,
    (row, runtime) => (row.latency ? latency(row) : ratio(row, 'sqlite', runtime)),
  )

/** Compares the package with plain TypeScript, and with bare calls as the lower bound. */
export const plainTable = (results) =>
  table(
    results,
    ({ ways }) => ways.includes('plain'),
    ({ name }) => `${name}: plain / package = ratio (goal), bare calls`,
    (row, runtime) => {
      const { floor } = row.times
      return `${ratio(row, 'plain', runtime)}${floor === undefined ? '' : `, ${duration(floor)}`}`
    },
  )

/** Lists the rows that have no counterpart. */
export const otherTable = (results) =>
  table(
    results,
    ({ ways }) => !ways.includes('sqlite') && !ways.includes('plain'),
    ({ name }) => name,
    (row) => (row.block === undefined ? `${duration(row.times.ours)}${atMost(row)}` : blocks(row)),
  )

/** Lists the rows that were not measured, with the reason. */
export function skippedRows(results) {
  const [rows] = results
  return rows.filter(({ skipped }) => skipped).map(({ name, skipped }) => `Skipped: ${name}: ${skipped}.`)
}

export function duration(milliseconds) {
  const size = Math.abs(milliseconds)
  if (size < 0.1) return `${(milliseconds * 1000).toPrecision(2)} µs`
  return `${size < 100 ? milliseconds.toPrecision(2) : Math.round(milliseconds)} ms`
}

function table(results, selects, head, cell) {
  const lines = results[0].flatMap((row, index) => {
    if (!selects(row)) return []
    const cells = results.map((rows, runtime) => (row.skipped ? 'skipped' : cell(rows[index], runtime)))
    return `| ${row.name} | ${cells.join(' | ')} |`
  })
  if (lines.length === 0) return undefined
  return [`| | ${RUNTIMES.map(head).join(' | ')} |`, `|---|${'---|'.repeat(results.length)}`, ...lines].join(
    '\n',
  )
}

function ratio(row, way, runtime) {
  const { ours, [way]: other } = row.times
  if (other === undefined) return `skipped / ${duration(ours)}`
  const value = other < ours / 10 ? (other / ours).toPrecision(1) : (other / ours).toFixed(1)
  const goal = row.goals?.[way]?.[runtime]
  return (
    `${duration(other)} / ${duration(ours)} = **${value}×**` +
    `${Number(value) < 1 ? ' slower' : ''}${goal === undefined ? '' : ` (${goal}×)`}${atMost(row)}`
  )
}

function latency({ times, longest }) {
  const both = (way) => `median ${duration(times[way])}, maximum ${duration(longest[way])}`
  return `${times.sqlite === undefined ? 'skipped' : both('sqlite')} / ${both('ours')}`
}

const blocks = ({ block, parse, count }) => [block, parse, count].map(duration).join(' / ')

const atMost = ({ most }) => (most === undefined ? '' : ` (at most ${duration(most)})`)
