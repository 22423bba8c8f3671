// The fault tests: `npm run test:faults`, `-- --short` for a part of each, `-- --only TEXT` for those named so. Says what it skipped and why, and ends
// with one line of counts.

import path from 'node:path'
import { buildFakeClaude } from '../../scripts/build.mjs'
import { main, must, root, run, Stop } from '../../scripts/process.mjs'
import { setUp } from '../../scripts/setup.mjs'
import { fuzz } from '../fuzz/run.mjs'
import { cannotMount, isNotLinux, lacks } from './tools.mjs'

const short = process.argv.includes('--short')
const only = process.argv.includes('--only') ? process.argv.at(-1) : ''
const total = { passed: 0, failed: 0, skipped: 0 }

await main(async () => {
  await setUp()
  const { feed, oneOperation, powerOff, runner } = await buildPrograms()
  const { testRemovedLocks, testSystemCalls } = await import('./system-calls.mjs')
  const { testKills, testLostUpdates } = await import('./processes.mjs')
  const { testTogether } = await import('./together.mjs')
  const { testReusedInode } = await import('./reused-inode.mjs')
  const { testTerminations } = await import('./terminations.mjs')
  const { testHeldLock } = await import('./held-lock.mjs')
  const { checkList } = await import('./safeguards.mjs')
  const { testLiveReads } = await import('./live-reads.mjs')
  const { testWarmReads } = await import('./warm-reads.mjs')
  const { testFullDisk } = await import('./full-disk.mjs')
  const { testPowerLoss } = await import('./power-loss.mjs')
  const { testFeedCalls, testFeedReaders, testFullFeed } = await import('./feed.mjs')
  const {
    testFeedOfRunner,
    testLooksWithoutDescriptors,
    testOutputOnFullDisk,
    testRunnerCalls,
    testRunnerOnFullDisk,
    testRunnerShortages,
    testShortagesAtRecovery,
    testUnreadableOutput,
  } = await import('./runner.mjs')

  await row('every system call fails once, in every way', lacks('strace'), () =>
    testSystemCalls(oneOperation, { every: short ? 23 : 1 }),
  )
  await row('a group is made anew with the same inode', lacks('strace'), testReusedInode)
  await row('the locks are removed by hand', lacks('strace'), () => testRemovedLocks(oneOperation))
  for (const fileSystem of ['ext4', 'xfs']) {
    const obstacle = cannotMount() ?? lacks(`mkfs.${fileSystem}`)
    await row(`the power fails, on ${fileSystem}`, obstacle, () =>
      testPowerLoss(powerOff, { fileSystem, runs: short ? 20 : 2000 }),
    )
  }
  await row('the list of safeguards is up to date', undefined, checkList)
  await row('the disk is full', cannotMount(), () => testFullDisk({ step: short ? 16 : 4 }))
  await row('writers are killed', undefined, () => testKills({ kills: short ? 20 : 1000 }))
  await row('a commit ends before its events are in the feed', lacks('strace'), () =>
    testFeedCalls(feed, { every: short ? 7 : 1 }),
  )
  await row('the disk is full for the feed', cannotMount(), () =>
    testFullFeed(feed, { step: short ? 16 : 4 }),
  )
  for (const writers of [1, 4])
    await row(`readers follow a feed with ${writers} writing`, undefined, () =>
      testFeedReaders(feed, { writers, rounds: short ? 6 : 60 }),
    )
  await row('a runner is killed at its system calls', lacks('strace'), () =>
    testRunnerCalls(runner, short ? { ofEachName: 1 } : {}),
  )
  await row('a runner lacks file descriptors, memory or processes', lacks('strace'), () =>
    testRunnerShortages(runner, short ? { ofEachName: 2 } : {}),
  )
  await row('a runner lacks descriptors for what a killed one left', lacks('strace'), () =>
    testShortagesAtRecovery(runner),
  )
  await row('a runner cannot look at processes', lacks('strace'), () => testLooksWithoutDescriptors(runner))
  await row('the output of a session cannot be read', lacks('strace'), () => testUnreadableOutput(runner))
  await row('the last events of a run are written again', lacks('strace'), () => testFeedOfRunner(runner))
  await row('the disk is full for a runner', cannotMount(), () =>
    testRunnerOnFullDisk(runner, { rounds: short ? 2 : 20 }),
  )
  await row('the disk is full for the output of a session', cannotMount(), () => testOutputOnFullDisk(runner))
  await row('updates that wait are written together', lacks('strace'), testTogether)
  await row('workers are terminated', undefined, () => testTerminations({ rounds: short ? 20 : 1000 }))
  for (const isPolling of [false, true]) {
    const way = isPolling ? 'a stat' : 'notifications'
    await row(`each acknowledged change is seen at once, by ${way}`, isNotLinux(), () =>
      testLiveReads({ seconds: short ? 3 : 120, isPolling }),
    )
  }
  await row('reads of known groups need no look at them', lacks('strace'), testWarmReads)
  await row('a lock is held elsewhere', undefined, () => testHeldLock({ seconds: short ? 1 : 5 }))
  // In the short form these are among Rust's tests.
  if (!short) await row('hostile input', undefined, () => fuzz(75))
  if (!short) await row('both repositories behave like the model', undefined, () => testModel(10_000))
  await row('no update is lost', undefined, () =>
    testLostUpdates({ processes: short ? 4 : 8, increments: short ? 50 : 1000 }),
  )
})
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
if (total.failed > 0) process.exitCode = 1

async function buildPrograms() {
  await must('Building the drivers', 'cargo', ['build', '--release', '--package', 'fault-drivers'])
  await buildFakeClaude()
  const program = (name) => path.join(root, 'target', 'release', name)
  return {
    feed: program('feed'),
    oneOperation: program('one-operation'),
    powerOff: program('power-off'),
    runner: { driver: program('run-group'), claude: path.join(root, 'target', 'fake-claude', 'claude') },
  }
}

async function testModel(sequences) {
  const env = { ...process.env, MODEL_SEQUENCES: String(sequences) }
  const args = ['test', '--release', '--package', 'session-groups', '--test', 'model']
  const { ok, output } = await run('cargo', args, { env })
  return ok ? { passed: sequences, failures: [] } : { passed: 0, failures: [output] }
}

/** Runs a test and adds what it counted, or says what keeps it from running. */
async function row(name, obstacle, test) {
  if (!name.includes(only)) return
  if (obstacle !== undefined) {
    total.skipped += 1
    console.log(`${name}: skipped, ${obstacle}`)
    return
  }
  const begun = performance.now()
  const { passed, failures } = await test().catch((error) => ({ passed: 0, failures: [error.stack] }))
  if (passed === 0 && failures.length === 0) throw new Stop(`${name}: tested nothing`)
  total.passed += passed
  total.failed += failures.length
  for (const failure of failures.slice(0, 20)) console.log(`  ${failure}`)
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(`${name}: ${passed} passed, ${failures.length} failed, in ${seconds} s`)
}
