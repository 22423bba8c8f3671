// Several processes of Node and Bun on one group: nobody's addition is undone, whoever is killed.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { root } from '../scripts/process.mjs'
import { createGroup, FileGroupRepository, ID, mustBeWhole, withDir } from './store.mjs'

const WRITER = fileURLToPath(new URL('./writer.mjs', import.meta.url))
const RUNTIMES = [process.execPath, path.join(root, 'node_modules', '.bin', 'bun')]

/** Starts a process of writers; `done` gives how many additions it was told of. */
function startWriter(index, base, workers, increments) {
  const program = RUNTIMES[index % RUNTIMES.length]
  const child = spawn(program, [WRITER, base, String(workers), String(increments)], { detached: true })
  let acknowledged = 0
  let errors = ''
  child.stdout.on('data', (text) => (acknowledged += text.length))
  child.stderr.on('data', (text) => (errors += text))
  const done = new Promise((resolve) => child.on('close', (code) => resolve({ code, acknowledged, errors })))
  return { done, kill: () => process.kill(-child.pid, 'SIGKILL') }
}

async function countOf(base) {
  return (await new FileGroupRepository(base).findById(ID)).count ?? 0
}

export function testLostUpdates({ processes, increments }) {
  return withDir(async (base) => {
    const workers = 4
    await new FileGroupRepository(base).save(createGroup('old'))
    const running = Array.from(
      { length: processes },
      (_, index) => startWriter(index, base, workers, increments).done,
    )
    const failures = (await Promise.all(running)).filter(({ code }) => code !== 0).map(({ errors }) => errors)
    const expected = processes * workers * increments
    const found = await countOf(base)
    if (found !== expected) failures.push(`${expected} additions were acknowledged, ${found} are there`)
    await mustBeWhole(base)
    return { passed: found === expected ? expected : 0, failures }
  })
}

/** Kills one of four writers again and again, at any moment. Each can have done one addition more than it told. */
export function testKills({ kills }) {
  return withDir(async (base) => {
    await new FileGroupRepository(base).save(createGroup('old'))
    const workers = 1
    let acknowledged = 0
    let killed = 0
    const live = async (index) => {
      while (killed < kills) {
        const writer = startWriter(index, base, workers, 0)
        // The start of a runtime takes most of it; some are killed in that.
        await pause(150 + Math.random() * 100)
        killed += 1
        writer.kill()
        acknowledged += (await writer.done).acknowledged
      }
    }
    await Promise.all([0, 1, 2, 3].map(live))
    const found = await countOf(base)
    const failures = []
    if (found < acknowledged) failures.push(`${acknowledged} additions were acknowledged, ${found} are there`)
    if (found > acknowledged + killed * workers)
      failures.push(`${found} additions are there, ${acknowledged} were told`)
    if (acknowledged === 0) failures.push('no writer got to write')
    await mustBeWhole(base)
    return { passed: killed - failures.length, failures }
  })
}
