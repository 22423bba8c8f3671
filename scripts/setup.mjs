// Prepares a clone: installs the npm packages and builds the addon and the executable, unless they are up to date.

import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { build } from './build.mjs'
import { must, root, Stop } from './process.mjs'

/** The files that the addon and the executable are built from. */
const SOURCES = [
  'src',
  'crates/core/src',
  'crates/core/Cargo.toml',
  'crates/cli/src',
  'crates/cli/Cargo.toml',
  'build.rs',
  'Cargo.toml',
  'Cargo.lock',
  'package.json',
  'package-lock.json',
  'scripts/build.mjs',
]

export async function setUp() {
  checkNode()
  await installPackages()
  await buildBinaries()
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 17)) {
    throw new Stop(`Node 20.17 or newer is required; this is Node ${process.versions.node}`)
  }
}

async function installPackages() {
  // npm writes this file when an installation is complete.
  if (changedAt('node_modules/.package-lock.json') >= changedAt('package-lock.json')) return
  console.error('Installing the npm packages ...')
  // NODE_ENV=production would leave out the development packages.
  const args = ['ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional']
  const npm = process.env.npm_execpath ?? ''
  if (path.basename(npm) === 'npm-cli.js') await must('npm ci', process.execPath, [npm, ...args])
  else await must('npm ci', 'npm', args, { shell: process.platform === 'win32' })
}

async function buildBinaries() {
  const hasAddon = readdirSync(root).some((name) => /^session-groups\..*\.node$/.test(name))
  const hasExecutable = readdirSync(path.join(root, 'bin')).some((name) => name !== 'session-groups.js')
  // binding.js is the last file that a build writes.
  const isComplete = hasAddon && hasExecutable && existsSync(path.join(root, 'index.d.ts'))
  const builtAt = isComplete ? changedAt('binding.js') : 0
  if (builtAt > Math.max(...SOURCES.map(changedAt))) return
  await build()
}

/** Returns the modification time of a file, or of the newest file in a directory; 0 if it does not exist. */
function changedAt(name) {
  const file = path.join(root, name)
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat) return 0
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(stat.mtimeMs, ...readdirSync(file).map((entry) => changedAt(path.join(name, entry))))
}
