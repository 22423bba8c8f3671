// `node scripts/glibc.mjs 2.17 FILE…` fails if a binary needs a newer glibc, or no glibc at all. `none` instead of a
// version is for musl: it fails if a binary needs any glibc.

import { readFileSync } from 'node:fs'

const [floor, ...files] = process.argv.slice(2)
const number = (version) => version.split('.').reduce((sum, part) => sum * 1000 + Number(part), 0)
if (files.length === 0) process.exitCode = 1
for (const file of files) {
  const names = readFileSync(file, 'latin1').matchAll(/GLIBC_(\d+\.\d+)/g)
  const versions = [...new Set(Array.from(names, ([, version]) => version))]
  const newest = versions.sort((a, b) => number(b) - number(a))[0]
  console.log(`${file} needs ${newest ? `glibc ${newest}` : 'no glibc'}`)
  const fits = floor === 'none' ? !newest : newest && number(newest) <= number(floor)
  if (!fits) process.exitCode = 1
}
