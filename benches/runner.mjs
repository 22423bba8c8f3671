// `npm run bench:runner` measures a runner with many busy sessions on Node and on Bun. A program that behaves like Claude Code
// and prints 50 lines per second stands in for it. `-- --sessions N` and `--seconds N` change how many and how long.

import path from 'node:path'
import { parseArgs } from 'node:util'
import { buildFakeClaude } from '../scripts/build.mjs'
import { main, must, root } from '../scripts/process.mjs'
import { RUNTIMES } from '../scripts/runtimes.mjs'
import { setUp } from '../scripts/setup.mjs'
import { machine } from './machine.mjs'

const { values: options } = parseArgs({
  options: {
    sessions: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '10' },
  },
})

await main(async () => {
  await setUp()
  await buildFakeClaude()
  const measured = []
  for (const { name, program } of RUNTIMES) {
    const script = path.join(root, 'benches', 'runner-measure.mjs')
    measured.push(JSON.parse(await must(name, program, [script, options.sessions, options.seconds])))
  }
  const row = (what, value) => `| ${what} | ${measured.map(value).join(' | ')} |`
  const blocks = ({ median, p99, longest }) =>
    `${median.toFixed(2)} ms, ${p99.toFixed(2)} ms, ${longest.toFixed(1)} ms`
  console.log(machine())
  console.log(`
| ${options.sessions} sessions for ${options.seconds} s | ${RUNTIMES.map(({ name }) => name).join(' | ')} |
|---|---|---|
${row('processor cores', ({ cores }) => cores.toFixed(2))}
${row('memory', ({ rss }) => `${Math.round(rss)} MiB`)}
${row('delay of the event loop (median, 99 %, longest) before the run', ({ idle }) => blocks(idle))}
${row('the same while sessions start', ({ start }) => blocks(start))}
${row('the same while they run', ({ steady }) => blocks(steady))}
${row('sessions that ran, events of their progress', ({ running, events }) => `${running}, ${events}`)}`)
})
