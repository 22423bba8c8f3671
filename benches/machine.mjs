// The machine and the runtimes that a benchmark ran on.

import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { root } from '../scripts/process.mjs'

/** Returns a line for the page. `details` are further versions. */
export function machine(details = []) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'node_modules', 'bun', 'package.json'), 'utf8'))
  const [cpu] = os.cpus()
  const system = [`${os.type()} ${os.release()}`, `${os.cpus().length} × ${cpu.model}`]
  return `${[...system, `Node ${process.versions.node}`, `Bun ${version}`, ...details].join(', ')}. Medians.`
}
