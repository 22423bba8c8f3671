// Updates of one group that wait behind each other are written together: 200 at once cost at most a tenth of the renames
// and fsyncs of 200 in a row.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { RUNTIMES } from '../../scripts/runtimes.mjs'
import { createGroup, FileGroupRepository, ID, withDir } from './store.mjs'

const FILE = fileURLToPath(import.meta.url)
const UPDATES = 200

export function testTogether() {
  return withDir(async (dir) => {
    const failures = []
    for (const { name, program } of RUNTIMES) {
      const base = path.join(dir, name)
      await new FileGroupRepository(base).save(createGroup('old'))
      const log = path.join(dir, 'trace')
      const args = ['-f', '--seccomp-bpf', '-e', 'trace=renameat,fsync', '-o', log]
      await promisify(execFile)('strace', [...args, program, FILE, base])
      const calls = readFileSync(log, 'utf8').match(/renameat\(|fsync\(/g)
      const most = (2 + 1) * (UPDATES / 10)
      if (calls.length > most)
        failures.push(`${name}: ${calls.length} renames and fsyncs, not at most ${most}`)
      const { tokens } = (await new FileGroupRepository(base).findById(ID)).sessions[0]
      if (tokens.input !== UPDATES - 1) failures.push(`${name}: the last update is not the last`)
    }
    return { passed: RUNTIMES.length - failures.length, failures }
  })
}

if (process.argv[1] === FILE) {
  const repository = new FileGroupRepository(process.argv[2])
  const update = (_, index) => repository.updateSession(ID, 'a', { tokens: { input: index, output: 0 } })
  await Promise.all(Array.from({ length: UPDATES }, update))
}
