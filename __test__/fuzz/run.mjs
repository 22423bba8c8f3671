// Fuzzes what must hold for any bytes (invariants.rs): `npm run test:fuzz`, or `-- --seconds N` for each target. Guided by
// coverage, on stable Rust; `cargo fuzz run -s none TARGET` does the same where cargo-fuzz is installed.

import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { main, must, root, run } from '../../scripts/process.mjs'

const dir = path.join(root, '__test__', 'fuzz')
const target = path.join(root, 'target', 'fuzz')
const TARGETS = readdirSync(path.join(dir, 'corpus'))

/** The flags that cargo-fuzz passes for targets without a sanitizer. */
const FLAGS = [
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cdebug-assertions',
  '--cfg=fuzzing',
  // Without it the linker drops the tables of code that is not optimized away.
  '-Ccodegen-units=1',
]

/** Gives how many inputs were tried and what was found. */
export async function fuzz(seconds) {
  const env = { ...process.env, RUSTFLAGS: FLAGS.join(' '), CARGO_TARGET_DIR: target }
  // With the target named the flags stay away from build scripts.
  const host = (await must('rustc', 'rustc', ['-vV'])).match(/^host: (.*)$/m)[1]
  await must('Building the fuzzers', 'cargo', ['build', '--release', '--target', host], { cwd: dir, env })
  const outcomes = []
  for (const name of TARGETS) {
    const found = path.join(target, 'found', name)
    mkdirSync(found, { recursive: true })
    // New inputs are collected in a copy of the corpus, outside the repository.
    cpSync(path.join(dir, 'corpus', name), found, { recursive: true })
    const limits = ['-timeout=10', '-rss_limit_mb=2048', '-max_len=65536', `-max_total_time=${seconds}`]
    const program = path.join(target, host, 'release', name)
    const { ok, output } = await run(program, [...limits, `-artifact_prefix=${target}/${name}-`, found])
    const runs = Number(output.match(/^Done (\d+) runs/m)?.[1] ?? 0)
    console.log(`  fuzzing ${name}: ${runs} inputs`)
    outcomes.push({ runs, failure: ok && runs > 0 ? [] : [`${name}: ${output.slice(-3000)}`] })
  }
  return {
    passed: outcomes.reduce((sum, { runs }) => sum + runs, 0),
    failures: outcomes.flatMap(({ failure }) => failure),
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const seconds = process.argv.includes('--seconds') ? Number(process.argv.at(-1)) : 75
  await main(async () => {
    const { passed, failures } = await fuzz(seconds)
    for (const failure of failures) console.log(failure)
    console.log(`${passed} passed, ${failures.length} failed`)
    if (failures.length > 0) process.exitCode = 1
  })
}
