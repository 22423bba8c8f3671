// Runs all tests: the Rust tests, the suite on Node and on Bun, the typings, and a short form of the fault tests. The last
// line is `N passed, N failed`.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { buildFakeClaude, buildTestAddon } from './build.mjs'
import { root, run, Stop, temporaryDirectory } from './process.mjs'
import { decisions } from './runner.mjs'
import { bun } from './runtimes.mjs'
import { setUp } from './setup.mjs'
import { testTypes } from './types.mjs'

const results = path.join(root, 'target', 'test-results')
const total = { passed: 0, failed: 0 }

/** The tests of the cache once more, without trust in the kernel's notifications. */
const POLLING = { only: 'cache.test.js', env: { ...process.env, SESSION_GROUPS_POLLING: '1' } }

try {
  temporaryDirectory()
  await setUp()
  rmSync(results, { recursive: true, force: true })
  mkdirSync(results, { recursive: true })
  await report('cargo test', () => testRust('session-groups'))
  await report('cargo test, command line', () => testRust('session-groups-cli'))
  await report("the runner's decisions", testDecisions)
  await buildTestAddon()
  await buildFakeClaude()
  await report('jest', testOnNode)
  await report('jest, reads by stat', () => testOnNode(POLLING))
  await report('bun test', testOnBun)
  await report('bun test, reads by stat', () => testOnBun(POLLING))
  await report('typings', testTypes)
  await report('fault tests, short form', testFaults)
} catch (error) {
  // A test run that could not start counts as one failure.
  total.failed += 1
  console.error(error instanceof Stop ? error.message : error)
}
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 ? 1 : 0

/** Runs one test runner and adds its counts. A runner that crashed or ran no tests counts as a failure. */
async function report(name, test) {
  console.log(`${name} ...`)
  const { passed, failed, crashed = false, output } = await test()
  const lost = failed === 0 && (crashed || passed === 0)
  total.passed += passed
  total.failed += failed + (lost ? 1 : 0)
  if (failed > 0 || lost) console.log(`${output.trimEnd()}\n`)
  console.log(
    `${name}: ${passed} passed, ${failed} failed${lost ? (crashed ? ', crashed' : ', ran nothing') : ''}`,
  )
}

/** Tests one package alone, so that it is also compiled without the features that others enable in shared crates. */
async function testRust(name) {
  const args = ['test', '--package', name, '--no-fail-fast', '--color', 'never']
  return countRust(await run('cargo', args))
}

/** Explores the states of small groups, optimized, and prints their number. */
async function testDecisions() {
  const result = await run('cargo', [...decisions, '--nocapture'])
  for (const [line] of result.output.matchAll(/^\d+ (states|random steps|planted defects).*$/gm))
    console.log(`  ${line}`)
  return countRust(result)
}

function countRust({ ok, output }) {
  const counts = [...output.matchAll(/^test result: .*? (\d+) passed; (\d+) failed;/gm)]
  return { passed: sum(counts, 1), failed: sum(counts, 2), crashed: !ok, output }
}

async function testOnNode({ only = '.test.js', env } = {}) {
  const file = path.join(results, `jest-${only}on`)
  const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js')
  const args = [jest, '--ci', '--json', `--outputFile=${file}`, only]
  const { ok, output } = await run(process.execPath, args, { env })
  if (!existsSync(file)) return { passed: 0, failed: 0, crashed: true, output }
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(file, 'utf8'))
  return { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites, crashed: !ok, output }
}

async function testOnBun({ only = '.test.js', env } = {}) {
  const file = path.join(results, `bun-${only}.xml`)
  const args = ['test', '--timeout', '30000', '--reporter=junit', `--reporter-outfile=${file}`]
  const suite = readdirSync(path.join(root, '__test__', 'suite'))
  const files = suite.filter((file) => file.endsWith(only))
  // Without file arguments, Bun would search the whole repository for tests.
  if (files.length === 0) return { passed: 0, failed: 0, output: 'No tests in __test__/suite' }
  const paths = files.map((file) => `./__test__/suite/${file}`)
  const { ok, output } = await run(bun(), [...args, ...paths], { env })
  const [suites = ''] = existsSync(file) ? (readFileSync(file, 'utf8').match(/<testsuites [^>]*>/) ?? []) : []
  const count = (name) => Number(suites.match(new RegExp(` ${name}="(\\d+)"`))?.[1] ?? 0)
  // A file that could not be loaded is missing from the report. Only the summary counts it as an error.
  const errors = Number(output.match(/^ *(\d+) errors?$/m)?.[1] ?? 0)
  const passed = count('tests') - count('failures') - count('skipped')
  return { passed, failed: count('failures') + errors, crashed: !ok, output }
}

/** Runs the fault tests in a separate process and parses their last line. */
async function testFaults() {
  const { ok, output } = await run(process.execPath, [
    path.join(root, '__test__', 'faults', 'run.mjs'),
    '--short',
  ])
  const [, passed = 0, failed = 0, skipped = 0] =
    output.match(/^(\d+) passed, (\d+) failed, (\d+) skipped$/m) ?? []
  if (Number(skipped) > 0) console.log(output.match(/^.*: skipped, .*$/gm).join('\n'))
  return { passed: Number(passed), failed: Number(failed), crashed: !ok, output }
}

function sum(matches, group) {
  return matches.reduce((total, match) => total + Number(match[group]), 0)
}
