// Locks the files in a directory as the store does, where there is no flock(1), until its input ends. For Bun, since only
// Bun calls Windows by itself.

import fs from 'node:fs'
import path from 'node:path'

const [, , directory] = process.argv
const lock = process.platform === 'win32' ? await windowsLock() : lockByOpening

for (const name of fs.readdirSync(directory)) lock(path.join(directory, name))
console.log('held')
process.stdin.resume().once('end', () => process.exit())

/** macOS and the BSDs: O_EXLOCK is open(2) with flock(2), and Node has no name for it. */
function lockByOpening(file) {
  fs.openSync(file, fs.constants.O_RDWR | 0x20)
}

async function windowsLock() {
  const { dlopen } = await import('bun:ffi')
  const { symbols } = dlopen('kernel32.dll', {
    CreateFileW: { args: ['buffer', 'u32', 'u32', 'u64', 'u32', 'u32', 'u64'], returns: 'u64' },
    LockFile: { args: ['u64', 'u32', 'u32', 'u32', 'u32'], returns: 'i32' },
  })
  const [readAndWrite, sharedByAll, existing, all] = [0xc0000000, 7, 3, 0xffffffff]
  return (file) => {
    const name = Buffer.from(`${file}\0`, 'utf16le')
    const handle = symbols.CreateFileW(name, readAndWrite, sharedByAll, 0, existing, 0, 0)
    if (symbols.LockFile(handle, 0, 0, all, all) === 0) throw new Error(`cannot lock ${file}`)
  }
}
