// `first-list.mjs WAY STORE [PLAIN]` opens a store, lists all of it once and prints the time, in milliseconds. WAY is `ours`,
// `plain` or `sqlite`, STORE is the path of the store or of the database, and PLAIN is the compiled plain repository. What
// loading the code takes does not count.

import { pathToFileURL } from 'node:url'
import { timed } from './timing.mjs'

const [way, store, plain] = process.argv.slice(2)
const open = await {
  ours: async () => {
    const { FileGroupRepository } = await import('session-groups')
    return () => new FileGroupRepository(store)
  },
  plain: async () => {
    const { PlainRepository } = await import(pathToFileURL(plain))
    return () => new PlainRepository(store)
  },
  sqlite: async () => {
    const { SqliteRepository } = await import('./sqlite.mjs')
    return () => SqliteRepository.open(store)
  },
}[way]()

console.log(await timed(async () => (await open()).list()))
