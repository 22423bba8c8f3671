// `node scripts/claude.mjs [VERSION…]` installs the versions of Claude Code that the runner's tests use into
// target/claude/VERSION. The tests skip those that are missing.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { must, root, Stop } from './process.mjs'

/** Versions whose behaviour differs: the oldest supported one, two between, and the newest that was tried. */
export const VERSIONS = ['2.0.0', '2.1.109', '2.1.276', '2.1.332']

const PACKAGE = '@anthropic-ai/claude-code'
const target = path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, 'target'), 'claude')

try {
  for (const version of process.argv.length > 2 ? process.argv.slice(2) : VERSIONS) await install(version)
} catch (error) {
  console.error(error instanceof Stop ? error.message : error)
  process.exitCode = 1
}

async function install(version) {
  const directory = path.join(target, version)
  if (existsSync(program(directory))) return console.log(`${version}: installed`)
  // Renamed once it is complete.
  const incomplete = `${directory}.incomplete`
  rmSync(incomplete, { recursive: true, force: true })
  mkdirSync(incomplete, { recursive: true })
  writeFileSync(path.join(incomplete, 'package.json'), '{ "private": true }\n')
  const args = ['install', '--no-audit', '--no-fund', '--prefix', incomplete, `${PACKAGE}@${version}`]
  await must(`npm install ${PACKAGE}@${version}`, 'npm', args)
  rmSync(directory, { recursive: true, force: true })
  // Its settings are not those of the user.
  const home = path.join(incomplete, 'home')
  mkdirSync(home)
  const env = { ...process.env, HOME: home, DISABLE_TELEMETRY: '1', DISABLE_AUTOUPDATER: '1' }
  const found = await must(version, program(incomplete), ['--version'], { env })
  rmSync(home, { recursive: true })
  renameSync(incomplete, directory)
  console.log(`${version}: ${found.trim()}`)
}

function program(directory) {
  const modules = path.join(directory, 'node_modules')
  const manifest = path.join(modules, PACKAGE, 'package.json')
  if (!existsSync(manifest)) return path.join(modules, '.bin', 'claude')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  return path.join(modules, PACKAGE, typeof bin === 'string' ? bin : bin.claude)
}
