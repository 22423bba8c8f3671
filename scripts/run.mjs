// `run.mjs NAME [arguments]` installs and builds what is missing, then runs an example.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { main, root } from './process.mjs'
import { setUp } from './setup.mjs'

await main(async () => {
  await setUp()
  const [name, ...args] = process.argv.slice(2)
  const example = path.join(root, 'examples', `${name}.mjs`)
  // npm changes to the package's directory, but paths in the arguments are relative to the user's.
  const cwd = process.env.INIT_CWD ?? process.cwd()
  const child = spawn(process.execPath, [example, ...args], { cwd, stdio: 'inherit' })
  // Ctrl-C reaches both processes. Only the example handles it.
  process.on('SIGINT', () => {})
  child.on('close', (code) => {
    process.exitCode = code ?? 1
  })
})
