// What .cargo/deny.toml asks of the crates: licences, sources, bans. `-- advisories` asks the database of known holes, too, for
// which it needs the network. cargo-deny is compiled for this alone, under target/, if there is none.

import path from 'node:path'
import { main, must, root, run } from './process.mjs'

const VERSION = '0.20.2'

await main(async () => {
  const { ok } = await run('cargo', ['deny', '--version'])
  const own = path.join(root, 'target', 'cargo-deny')
  if (!ok) {
    console.error('Compiling cargo-deny; the first time takes some minutes ...')
    const args = ['install', 'cargo-deny', '--locked', '--version', VERSION, '--root', own]
    await must('cargo install cargo-deny', 'cargo', args)
  }
  const [program, ...before] = ok ? ['cargo', 'deny'] : [path.join(own, 'bin', 'cargo-deny')]
  const checks = ['licenses', 'sources', 'bans', ...process.argv.slice(2)]
  await must('cargo deny', program, [...before, 'check', ...checks])
  console.log(`${checks.join(', ')}: ok`)
})
