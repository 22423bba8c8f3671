// The programs that the fault tests need of the system: from Debian's packages where this is root on such a system,
// otherwise a reason to skip.

import { spawnSync } from 'node:child_process'

/** Each program and the package it comes from. */
const PACKAGES = { strace: 'strace', 'mkfs.ext4': 'e2fsprogs', 'mkfs.xfs': 'xfsprogs' }

const isRoot = process.platform === 'linux' && process.getuid() === 0

/** Returns the reason why a test that needs a program cannot run, or `undefined` if it can. */
export function lacks(program) {
  const { error } = spawnSync(program, ['-V'])
  return error ? `${program} of the package ${PACKAGES[program]} is not installed` : undefined
}

/** Returns the reason why a test that mounts a disk cannot run, or `undefined` if it can. */
export function cannotMount() {
  if (!isRoot) return 'mounting needs root'
  return spawnSync('unshare', ['-m', 'true']).status === 0 ? undefined : 'nothing can be mounted here'
}

export function installTools() {
  const missing = Object.keys(PACKAGES).filter(lacks)
  if (missing.length === 0 || !isRoot || spawnSync('apt-get', ['--version']).error) return
  console.error(`Installing ${missing.join(', ')} ...`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const packages = missing.map((program) => PACKAGES[program])
  const install = () =>
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { env }).status === 0
  // The list of packages may be missing or old. What could not be installed is skipped, and said.
  if (!install()) spawnSync('apt-get', ['update'], { env })
  if (missing.some(lacks)) install()
}
