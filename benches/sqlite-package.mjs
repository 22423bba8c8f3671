// Installs better-sqlite3 for the benchmark under target/, so that it is no dependency of the package. Bun has SQLite built in.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { root, run } from '../scripts/process.mjs'

/** Version 13 needs Node 22. */
const VERSION = '12.11.1'
const DIRECTORY = path.join(root, 'target', 'bench', 'packages')
const MANIFEST = path.join(DIRECTORY, 'package.json')
/** Newer versions of npm run only the install scripts that are listed. This one downloads or compiles the addon. */
const ALLOWED = { 'better-sqlite3': true }

/** Installs better-sqlite3, unless it works already. Returns the reason if that fails. */
export async function installSqlite() {
  if (await works()) return undefined
  console.error('Installing better-sqlite3; compiling it takes a minute or two ...')
  mkdirSync(DIRECTORY, { recursive: true })
  const manifest = { private: true, dependencies: { 'better-sqlite3': VERSION }, allowScripts: ALLOWED }
  writeFileSync(MANIFEST, JSON.stringify(manifest))
  const { output } = await run('npm', ['install', '--no-audit', '--no-fund'], {
    cwd: DIRECTORY,
    shell: process.platform === 'win32',
  })
  if (await works()) return undefined
  return `better-sqlite3 ${VERSION} could not be installed: ${lastError(output)}`
}

/** Returns the class `Database` of better-sqlite3 or of `bun:sqlite`. Their methods used here are the same. */
export async function loadSqlite() {
  if (process.versions.bun) return (await import('bun:sqlite')).Database
  return createRequire(MANIFEST)('better-sqlite3')
}

export const sqlitePackage = () => (process.versions.bun ? 'bun:sqlite' : `better-sqlite3 ${VERSION}`)

/** Opens a database in another process, because an addon built for another version of Node could end this one. */
async function works() {
  if (!existsSync(MANIFEST)) return false
  const program = `new (require('better-sqlite3'))(':memory:').close()`
  const { ok } = await run(process.execPath, ['--eval', program], { cwd: DIRECTORY })
  return ok
}

function lastError(output) {
  const lines = output.split('\n').map((line) => line.trim())
  const error = lines.findLast((line) => /\berr/i.test(line) && !line.includes('complete log'))
  return error ?? lines.findLast(Boolean) ?? 'npm printed nothing'
}
