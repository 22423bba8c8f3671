// Runs an example, `run.mjs NAME [arguments]`, after making sure of all it needs.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { main, root } from './process.mjs'
import { setUp } from './setup.mjs'

await main(async () => {
  await setUp()
  const [name, ...args] = process.argv.slice(2)
  const example = path.join(root, 'examples', `${name}.mjs`)
  // npm starts scripts in the package's directory; paths among the arguments are meant from where the user is.
  const cwd = process.env.INIT_CWD ?? process.cwd()
  const child = spawn(process.execPath, [example, ...args], { cwd, stdio: 'inherit' })
  // Ctrl-C reaches both; the example decides what it means.
  process.on('SIGINT', () => {})
  child.on('close', (code) => {
    process.exitCode = code ?? 1
  })
})
