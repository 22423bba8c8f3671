// The text of docs/growth.md. `stores` holds the measured stores, each with `groups`, `sessions`, `bytes` and the results of
// each runtime: `{ name, ours, sqlite }`.

import { duration } from './tables.mjs'

/** Goals for the newest 20 groups, once the store is cached: time in milliseconds, memory in MiB. */
const GOALS = { 40000: { time: 50 }, 100000: { time: 400, memory: 250 } }

/** Returns the times as a table, with a row for each store and runtime. */
export function growthTable(stores) {
  const columns = Object.keys(stores[0].runtimes[0].ours).filter((column) => column !== 'memory')
  const heads = [
    'groups × sessions',
    'runtime',
    ...columns,
    'memory',
    'SQLite: newest 20, again',
    'SQLite: memory',
  ]
  const lines = stores.flatMap(({ groups, sessions, bytes, runtimes }) =>
    runtimes.map(({ name, ours, sqlite }) => {
      const goal = GOALS[groups] ?? {}
      const times = columns.map(
        (column) => duration(ours[column]) + under(column === 'newest 20, again' && goal.time, 'ms'),
      )
      return [
        `${groups.toLocaleString('en')} × ${sessions.toLocaleString('en')}, ${Math.round(bytes / 2 ** 20)} MiB`,
        name,
        ...times,
        `${ours.memory} MiB${under(goal.memory, 'MiB')}`,
        ...(sqlite ? [duration(sqlite['newest 20, again']), `${sqlite.memory} MiB`] : ['skipped', 'skipped']),
      ]
    }),
  )
  return [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

const under = (goal, unit) => (goal ? ` (under ${goal} ${unit})` : '')

export const growthPage = (machine, byGroups, bySessions, notes) => `# Growth of cost

\`npm run bench:growth -- --write\` measures and writes this page. Each store is measured in a process of its own. Its memory is the highest after the newest 20 groups were listed 16 times, including the runtime. Times are medians, except those for the first time. Goals are in brackets, whether reached or not. SQLite is used as in [the benchmark](benchmark.md). It finds the newest 20 in an index, so that its time does not grow with the number of groups.

${[machine, ...notes].join('\n\n')}

## By the number of groups

${growthTable(byGroups)}

![Milliseconds by the number of groups](growth-groups.svg)

## By the size of the groups

${growthTable(bySessions)}

![Milliseconds by sessions in each group](growth-sessions.svg)
`
