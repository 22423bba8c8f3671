// `npm run bench:size` prints the size of the addon and the share of each crate. It needs `nm` from binutils.

import { copyFileSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { main, must, root } from '../scripts/process.mjs'

const kib = (bytes) => `${Math.round(bytes / 1024)} KiB`

await main(async () => {
  const target = path.join(root, 'target', 'size')
  const build = ['build', '--release', '--lib', '--target-dir', target]
  const release = (strip) => ({ env: { ...process.env, CARGO_PROFILE_RELEASE_STRIP: strip } })
  const library = path.join(target, 'release', 'libsession_groups_napi.so')
  await must('Building the addon', 'cargo', build, release('symbols'))
  const size = statSync(library).size
  await must('Building it with symbols', 'cargo', build, release('none'))
  const withSymbols = path.join(target, 'with-symbols.so')
  copyFileSync(library, withSymbols)
  const symbols = await must('nm', 'nm', ['--print-size', '--demangle', '--defined-only', withSymbols])
  console.log(`stripped: ${kib(size)}\n\n| crate | code and data |\n|---|---|`)
  for (const [crate, bytes] of byCrate(symbols, crates())) {
    if (bytes >= 5 * 1024) console.log(`| ${crate} | ${kib(bytes)} |`)
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
