// The measured stores: the same groups for the plain repository, the package and SQLite, each in a place of its own.

import { closeSync, openSync, readFileSync, renameSync, symlinkSync, writeSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { FileGroupRepository } from 'session-groups'
import { group, makeStore } from './groups.mjs'
import { SqliteRepository } from './sqlite.mjs'

export const GROUPS = 1_000

export async function makeStores(directory, plainFile, withSqlite) {
  const { PlainRepository } = await import(pathToFileURL(plainFile))
  const [plainBase, base] = ['plain', 'groups'].map((name) => path.join(directory, name))
  makeStore(plainBase, GROUPS)
  makeStore(base, GROUPS)
  const groups = Array.from({ length: GROUPS }, (_, number) => group(number))
  const files = groups.map(({ id }) => path.join(base, id, 'meta.json'))
  return {
    base,
    plainBase,
    plainFile,
    groups,
    files,
    plain: new PlainRepository(plainBase),
    ours: new FileGroupRepository(base, { durability: 'process' }),
    durable: new FileGroupRepository(base),
    unknown: unknownStores(directory, base),
    ...bareCalls(directory, files),
    ...(withSqlite && (await makeSqlite(path.join(directory, 'groups.db'), groups))),
  }
}

async function makeSqlite(sqliteFile, groups) {
  const sqlite = await SqliteRepository.open(sqliteFile)
  sqlite.saveAll(groups)
  sqlite.keepSummaries(groups)
  const durableSqlite = await SqliteRepository.open(sqliteFile, { durable: true })
  return { sqliteFile, sqlite, durableSqlite, openSqlite: () => SqliteRepository.open(sqliteFile) }
}

/**
 * Makes functions that open a store without a cache: the package caches by base directory, so that each has a new symbolic
 * link to the same store.
 */
function unknownStores(directory, base) {
  let names = 0
  return () => {
    names += 1
    const name = path.join(directory, `name-${names}`)
    symlinkSync(base, name)
    return () => new FileGroupRepository(name)
  }
}

/** Writing and rewriting by the bare calls of Node. */
function bareCalls(directory, files) {
  const write = (group, sync = () => {}) => {
    const file = path.join(directory, 'floor.json')
    const descriptor = openSync(`${file}.tmp`, 'w')
    writeSync(descriptor, JSON.stringify(group, null, 2))
    sync(descriptor)
    closeSync(descriptor)
    renameSync(`${file}.tmp`, file)
  }
  const rewrite = (sync) => (index) => write(JSON.parse(readFileSync(files[index % GROUPS], 'utf8')), sync)
  return { write, rewrite }
}
