// `npm run bench:size` prints the sizes of the addon and of the executable, and the share of each crate. It needs `nm` from
// binutils.

import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { main, must, root } from '../scripts/process.mjs'

const kib = (bytes) => `${Math.round(bytes / 1024)} KiB`

await main(async () => {
  const target = path.join(root, 'target', 'size')
  // As scripts/build.mjs builds them.
  const packages = ['session-groups-napi', 'session-groups-cli'].flatMap((name) => ['--package', name])
  const build = ['build', '--release', ...packages, '--target-dir', target]
  const release = (strip) => ({ env: { ...process.env, CARGO_PROFILE_RELEASE_STRIP: strip } })
  const binaries = { addon: 'libsession_groups_napi.so', executable: 'session-groups' }
  const file = (binary) => path.join(target, 'release', binaries[binary])
  await must('Building the binaries', 'cargo', build, release('symbols'))
  const sizes = Object.keys(binaries).map((binary) => [binary, statSync(file(binary)).size])
  await must('Building them with symbols', 'cargo', build, release('none'))
  for (const [binary, size] of sizes) {
    const symbols = await must('nm', 'nm', ['--print-size', '--demangle', '--defined-only', file(binary)])
    console.log(`${binary}, stripped: ${kib(size)}\n\n| crate | code and data |\n|---|---|`)
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
