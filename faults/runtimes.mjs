// The two runtimes that everything must work on.

import path from 'node:path'
import { root } from '../scripts/process.mjs'

export const RUNTIMES = [
  { name: 'Node', program: process.execPath },
  { name: 'Bun', program: path.join(root, 'node_modules', '.bin', 'bun') },
]
