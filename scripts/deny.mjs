// Checks the crates against .cargo/deny.toml: licences, sources and bans. `-- advisories` also checks the database of known
// vulnerabilities and needs the network. If cargo-deny is not installed, it is compiled under target/.

import path from 'node:path'
import { main, must, root, run } from './process.mjs'

const VERSION = '0.20.2'

await main(async () => {
  const { ok } = await run('cargo', ['deny', '--version'])
  const own = path.join(root, 'target', 'cargo-deny')
  if (!ok) {
    console.error('Compiling cargo-deny; this takes a few minutes and is done once ...')
    const args = ['install', 'cargo-deny', '--locked', '--version', VERSION, '--root', own]
    await must('cargo install cargo-deny', 'cargo', args)
  }
  const [program, ...before] = ok ? ['cargo', 'deny'] : [path.join(own, 'bin', 'cargo-deny')]
  const checks = ['licenses', 'sources', 'bans', ...process.argv.slice(2)]
  await must('cargo deny', program, [...before, 'check', ...checks])
  console.log(`${checks.join(', ')}: ok`)
})
