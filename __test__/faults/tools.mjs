// The programs that the fault tests need. A test that cannot run is skipped with the reason.

import { spawnSync } from 'node:child_process'

/** Each program and the package it comes from. */
const PACKAGES = { strace: 'strace', 'mkfs.ext4': 'e2fsprogs', 'mkfs.xfs': 'xfsprogs' }

const isRoot = process.platform === 'linux' && process.getuid() === 0

/** Returns the reason why a test that needs a program cannot run, or `undefined` if it can. */
export function lacks(program) {
  const { error } = spawnSync(program, ['-V'])
  return error ? `${program} of the package ${PACKAGES[program]} is not installed` : undefined
}

/** Returns the reason why a test of the kernel's notifications cannot run, or `undefined` if it can. */
export function isNotLinux() {
  return process.platform === 'linux' ? undefined : 'reads rely on notifications on Linux alone'
}

/** Returns the reason why a test that mounts a disk cannot run, or `undefined` if it can. */
export function cannotMount() {
  if (!isRoot) return 'mounting needs root'
  return spawnSync('unshare', ['-m', 'true']).status === 0 ? undefined : 'nothing can be mounted here'
}
