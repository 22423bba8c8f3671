// `npm run bench:size` prints the sizes of the addon and of the executable, and the share of each crate. It needs `nm` and
// `strip` from binutils.

import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { main, must, root } from '../scripts/process.mjs'

const kib = (bytes) => `${Math.round(bytes / 1024)} KiB`

await main(async () => {
  const target = path.join(root, 'target', 'size')
  for (const [name, file, ...args] of [
    ['addon', 'release/libsession_groups_napi.so', '--release', '--lib'],
    ['executable', 'cli/session-groups', '--profile', 'cli', '--package', 'session-groups-cli'],
  ]) {
    // Stripped afterwards, so that everything is compiled once.
    const env = { ...process.env, CARGO_PROFILE_RELEASE_STRIP: 'none', CARGO_PROFILE_CLI_STRIP: 'none' }
    await must(`Building the ${name}`, 'cargo', ['build', ...args, '--target-dir', target], { env })
    const binary = path.join(target, file)
    await must('strip', 'strip', ['--strip-all', '-o', `${binary}.stripped`, binary])
    const { size } = statSync(`${binary}.stripped`)
    const symbols = await must('nm', 'nm', ['--print-size', '--demangle', '--defined-only', binary])
    console.log(`${name}, stripped: ${kib(size)}\n\n| crate | code and data |\n|---|---|`)
    for (const [crate, bytes] of byCrate(symbols, crates())) {
      if (bytes >= 5 * 1024) console.log(`| ${crate} | ${kib(bytes)} |`)
    }
    console.log()
  }
})

/** Returns the names of all crates that can occur in symbols. */
function crates() {
  const lock = readFileSync(path.join(root, 'Cargo.lock'), 'utf8')
  const names = [...lock.matchAll(/^name = "(.+)"$/gm)].map(([, name]) => name.replaceAll('-', '_'))
  return new Set([...names, 'std', 'core', 'alloc'])
}

/** Sums sizes by the first crate named in each symbol: for `<A as B>::c`, that of A. */
function byCrate(symbols, names) {
  const sums = new Map()
  for (const line of symbols.split('\n')) {
    const [, size, symbol] = line.match(/^[0-9a-f]+ ([0-9a-f]+) \w (.+)$/) ?? []
    if (!symbol) continue
    const crate = symbol.match(/\w+(?=::)/g)?.find((name) => names.has(name)) ?? 'unnamed'
    sums.set(crate, (sums.get(crate) ?? 0) + Number.parseInt(size, 16))
  }
  return [...sums].sort(([, left], [, right]) => right - left)
}
