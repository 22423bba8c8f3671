// Several processes of Node and Bun on one group: nobody's addition is undone, whoever is killed.

import { spawn } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { RUNTIMES } from '../../scripts/runtimes.mjs'
import { createGroup, FileGroupRepository, ID, mustBeWhole, withDir } from './store.mjs'

const WRITER = fileURLToPath(new URL('./writer.mjs', import.meta.url))

/** Starts a process of writers that add to a field; `done` gives how many additions it was told of. */
function startWriter(index, base, field, workers, increments) {
  const { program } = RUNTIMES[index % RUNTIMES.length]
  const child = spawn(program, [WRITER, base, field, String(workers), String(increments)], { detached: true })
  let acknowledged = 0
  let errors = ''
  child.stdout.on('data', (text) => (acknowledged += text.length))
  child.stderr.on('data', (text) => (errors += text))
  const done = new Promise((resolve) => child.on('close', (code) => resolve({ code, acknowledged, errors })))
  const begun = Promise.race([done, new Promise((resolve) => child.stdout.once('data', resolve))])
  return { done, begun, told: () => acknowledged, kill: () => process.kill(-child.pid, 'SIGKILL') }
}

async function countOf(base, field) {
  return (await new FileGroupRepository(base).findById(ID))[field] ?? 0
}

export function testLostUpdates({ processes, increments }) {
  return withDir(async (base) => {
    const workers = 4
    await new FileGroupRepository(base).save(createGroup('old'))
    const writers = Array.from({ length: processes }, (_, index) =>
      startWriter(index, base, 'count', workers, increments),
    )
    await Promise.race(writers.map(({ done }) => done))
    const least = Math.min(...writers.map((writer) => writer.told()))
    const ended = await Promise.all(writers.map(({ done }) => done))
    const failures = ended.filter(({ code }) => code !== 0).map(({ errors }) => errors)
    // A runtime needs its time to start, which counts for less the longer it runs.
    if (increments >= 1000 && least < (workers * increments) / 10)
      failures.push(`one process had done ${least} of ${workers * increments} when the first was ready`)
    const expected = processes * workers * increments
    const found = await countOf(base, 'count')
    if (found !== expected) failures.push(`${expected} additions were acknowledged, ${found} are there`)
    await mustBeWhole(base)
    return { passed: found === expected ? expected : 0, failures }
  })
}

/** Kills one of four writers again and again, at any moment. Each can have done one addition more than it told. */
export function testKills({ kills }) {
  return withDir(async (base) => {
    await new FileGroupRepository(base).save(createGroup('old'))
    const failures = []
    let killed = 0
    let told = 0
    const live = async (index) => {
      while (killed < kills) {
        killed += 1
        const field = `writer-${killed}`
        const writer = startWriter(index, base, field, 1, 0)
        // Most are killed while they write, some while they start.
        if (Math.random() > 0.1) await writer.begun
        await pause(Math.random() * 30)
        writer.kill()
        const { acknowledged, errors } = await writer.done
        const found = await countOf(base, field)
        if (found < acknowledged || found > acknowledged + 1)
          failures.push(`${field} was told of ${acknowledged} additions, ${found} are there; ${errors}`)
        told += acknowledged
      }
    }
    await Promise.all([0, 1, 2, 3].map(live))
    if (told === 0) failures.push('no writer got to write')
    await mustBeWhole(base)
    return { passed: killed - failures.length, failures }
  })
}
