// Helpers for the tests of the repository in files.

const fs = require('node:fs')
const path = require('node:path')
const sg = require('../../..')
const { makeGroup } = require('.')

const { id } = makeGroup()
const FAST = { durability: 'process' }

const open = (dir, options = FAST) => new sg.FileGroupRepository(dir, options)
const meta = (dir, name = id) => path.join(dir, name, 'meta.json')

/** Writes a group's file as another program would. */
const plant = (dir, text, name = id) => {
  fs.mkdirSync(path.dirname(meta(dir, name)), { recursive: true })
  fs.writeFileSync(meta(dir, name), text)
}

/** Only root can create devices and files of other users. */
const asRoot = process.getuid?.() === 0 ? test : test.skip

const node = () => (process.versions.bun ? 'node' : process.execPath)

module.exports = { open, meta, plant, asRoot, node }
