// A group's directory is deleted and made anew by another process, which does not wait for the disk. File systems give its
// inode number out again; the next durable write must wait for the new entry all the same.

import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createGroup, FileGroupRepository, ID, withDir } from './store.mjs'

const FILE = fileURLToPath(import.meta.url)
const ROUNDS = 10

export function testReusedInode() {
  return withDir(async (dir) => {
    const base = path.join(dir, 'base')
    await new FileGroupRepository(base).save(createGroup('old'))
    const log = path.join(dir, 'trace')
    const options = ['-f', '-y', '-e', 'trace=fsync', '-o', log]
    const args = [...options, process.execPath, FILE, 'store', base]
    await promisify(execFile)('strace', args)
    // The last line of each is followed by that of the group itself.
    const synced = readFileSync(log, 'utf8').split('\n')
    const ofBase = synced.filter((line) => line.includes(`<${base}>`)).length
    const failures = []
    // One for the group that is there, one for each that was made anew.
    if (ofBase !== ROUNDS + 1)
      failures.push(`the base directory was synced ${ofBase} times, not ${ROUNDS + 1} times`)
    return { passed: 1 - failures.length, failures }
  })
}

async function store(base) {
  const repository = new FileGroupRepository(base)
  await repository.update(ID, { name: 'first' })
  for (let round = 0; round < ROUNDS; round++) {
    execFileSync(process.execPath, [FILE, 'renew', base])
    await repository.update(ID, { name: `round ${round}` })
    // The entry is known now.
    await repository.update(ID, { name: `round ${round} again` })
  }
}

async function renew(base) {
  const repository = new FileGroupRepository(base, { durability: 'process' })
  await repository.delete(ID)
  await repository.save(createGroup('new'))
}

if (process.argv[1] === FILE) {
  const [what, base] = process.argv.slice(2)
  await (what === 'renew' ? renew : store)(base)
}
