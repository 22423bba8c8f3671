// The two supported runtimes.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { root, Stop } from './process.mjs'

let found

/**
 * Returns the path of Bun. The search is lazy, because Bun may not be installed yet. Its install script puts it into the
 * package `bun`; where npm runs no install scripts, it is in the package of the platform.
 */
export function bun() {
  found ??= findBun()
  if (!found) throw new Stop('No working Bun in node_modules: run `npm ci` first')
  return found
}

export const RUNTIMES = [
  { name: 'Node', program: process.execPath },
  {
    name: 'Bun',
    get program() {
      return bun()
    },
  },
]

function findBun() {
  const modules = path.join(root, 'node_modules')
  const platforms = existsSync(path.join(modules, '@oven')) ? readdirSync(path.join(modules, '@oven')) : []
  const packages = ['bun', ...platforms.map((name) => path.join('@oven', name))]
  const programs = packages.flatMap((name) =>
    ['bun', 'bun.exe'].map((file) => path.join(modules, name, 'bin', file)),
  )
  return programs.find((program) => existsSync(program) && spawnSync(program, ['--version']).status === 0)
}
