// A disk that is full after each further 4 KiB, or has no inode left: an operation is acknowledged or changes nothing.

import { execFileSync } from 'node:child_process'
import { mkdirSync, statfsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createGroup, FileGroupRepository, withDir } from './store.mjs'

const KIB = 1024
/** Large enough for several blocks. */
const PROMPT = 'x'.repeat(40 * KIB)

export function withDisk(options, work) {
  return withDir(async (dir) => {
    const disk = path.join(dir, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `${options},mode=700`, 'none', disk])
    try {
      return await work(disk)
    } finally {
      execFileSync('umount', ['-l', disk])
    }
  })
}

const large = (name) => {
  const group = createGroup(name)
  return { ...group, sessions: [{ ...group.sessions[0], prompt: PROMPT }] }
}

/** Fills the disk up to so many free bytes. */
export function fill(disk, free) {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(path.join(disk, '.filler'), Buffer.alloc(Math.max(0, bavail * bsize - free)))
}

/** Leaves so many inodes of the disk free. */
export function leaveInodes(disk, free) {
  const { files, ffree } = statfsSync(disk)
  execFileSync('mount', ['-o', `remount,nr_inodes=${files - ffree + free}`, disk])
}

/** Saves over what is there and gives what went wrong with that, if anything did. */
async function saveOver(disk) {
  const repository = new FileGroupRepository(path.join(disk, 'store'))
  const before = JSON.stringify(await repository.findById(createGroup('').id))
  const said = await repository.save(large('new')).then(
    () => 'acknowledged',
    ({ code }) => code,
  )
  const after = await repository.findById(createGroup('').id)
  const problems = await repository.verify()
  if (problems.length > 0) return `it said ${said}, and left ${JSON.stringify(problems)}`
  if (said === 'acknowledged' && after?.sessions[0].prompt === PROMPT) return undefined
  if (said === 'NOT_COMMITTED' && JSON.stringify(after) === before) return undefined
  return `it said ${said}, and left ${JSON.stringify(after)?.slice(0, 200)}`
}

export async function testFullDisk({ step }) {
  const failures = []
  let passed = 0
  const count = (what, failure) => {
    if (failure === undefined) passed += 1
    else failures.push(`${what}: ${failure}`)
  }
  for (const before of ['absent', 'old']) {
    for (let free = 0; free <= 96; free += step) {
      await withDisk('size=1m', async (disk) => {
        if (before === 'old') await new FileGroupRepository(path.join(disk, 'store')).save(createGroup('old'))
        fill(disk, free * KIB)
        count(`${free} KiB free, ${before}`, await saveOver(disk))
      })
    }
    for (let inodes = 2; inodes <= 80; inodes += step) {
      await withDisk('size=1m', async (disk) => {
        if (before === 'old') await new FileGroupRepository(path.join(disk, 'store')).save(createGroup('old'))
        leaveInodes(disk, inodes - 2)
        count(`${inodes - 2} inodes free, ${before}`, await saveOver(disk))
      })
    }
  }
  return { passed, failures }
}
