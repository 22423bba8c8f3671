// The fault tests: `npm run test:faults`, or `-- --short` for a part of each. Says what it skipped and why, and ends
// with one line of counts.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { main, must, root, Stop } from '../scripts/process.mjs'
import { setUp } from '../scripts/setup.mjs'

const short = process.argv.includes('--short')
const total = { passed: 0, failed: 0, skipped: 0 }

await main(async () => {
  await setUp()
  const driver = await buildDriver()
  const { testSystemCalls } = await import('./system-calls.mjs')
  const { testKills, testLostUpdates } = await import('./processes.mjs')
  const { testFullDisk } = await import('./full-disk.mjs')

  const strace = spawnSync('strace', ['-V']).status === 0 ? undefined : 'strace is not installed'
  await row('every system call fails once, in every way', strace, () =>
    testSystemCalls(driver, { every: short ? 23 : 1 }),
  )
  await row('writers are killed', undefined, () => testKills({ kills: short ? 20 : 1000 }))
  await row('no update is lost', undefined, () =>
    testLostUpdates({ processes: short ? 4 : 8, increments: short ? 50 : 1000 }),
  )
  const mount = canMount() ? undefined : 'mounting needs root'
  await row('the disk is full', mount, () => testFullDisk({ step: short ? 16 : 4 }))
})
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
if (total.failed > 0) process.exitCode = 1

async function buildDriver() {
  const features = ['--no-default-features', '--features', 'test-one-thread']
  await must('Building the driver', 'cargo', [
    'build',
    '--release',
    '--example',
    'one-operation',
    ...features,
  ])
  return path.join(root, 'target', 'release', 'examples', 'one-operation')
}

function canMount() {
  return (
    process.platform === 'linux' &&
    process.getuid() === 0 &&
    spawnSync('unshare', ['-m', 'true']).status === 0
  )
}

async function row(name, obstacle, test) {
  if (obstacle !== undefined) {
    total.skipped += 1
    console.log(`${name}: skipped, ${obstacle}`)
    return
  }
  const { passed, failures } = await test().catch((error) => ({ passed: 0, failures: [error.stack] }))
  if (passed === 0 && failures.length === 0) throw new Stop(`${name}: tested nothing`)
  total.passed += passed
  total.failed += failures.length
  for (const failure of failures.slice(0, 20)) console.log(`  ${failure}`)
  console.log(`${name}: ${passed} passed, ${failures.length} failed`)
}
