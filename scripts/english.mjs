// `node scripts/english.mjs [--list]` fails if too many comments begin with a question word or "Of" instead of a noun
// or a verb. `--list` prints those comments even if there are few enough.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './process.mjs'

const FOLDERS = ['src', 'crates', 'scripts', 'benches', 'examples', '__test__']
const SKIPPED = new Set(['node_modules', 'target', 'corpus'])
const SOURCE = /\.(?:rs|[cm]?[jt]s)$/
const WORDS = ['What', 'Whether', 'How', 'Where', 'Which', 'When', 'Who', 'Of', 'Why']
const BAD_START = new RegExp(`^(?:${WORDS.join('|')})\\b`, 'i')
const MAX_PERCENT = 3

const blocks = FOLDERS.flatMap((folder) => sources(path.join(root, folder))).flatMap(commentBlocks)
const bad = blocks.filter(({ text }) => BAD_START.test(text))
const percent = (100 * bad.length) / Math.max(blocks.length, 1)
const failed = percent > MAX_PERCENT

if (failed || process.argv.includes('--list'))
  for (const { file, line, text } of bad) console.log(`${path.relative(root, file)}:${line}: ${text}`)
console.log(
  `${bad.length} of ${blocks.length} comment blocks (${percent.toFixed(1)} %) begin with ${WORDS.join(', ')}; ` +
    `at most ${MAX_PERCENT} % may`,
)
process.exitCode = failed ? 1 : 0

function sources(directory) {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name)
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : sources(file)
    return SOURCE.test(entry.name) ? [file] : []
  })
}

/** Finds the comments that stand on lines of their own. Adjacent lines with the same marker are one block. */
function commentBlocks(file) {
  const found = []
  let open = false
  let previous
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const [, marker, rest] = line.match(/^\s*(\/\/[/!]?|\/\*+)(.*)/) ?? []
    if (open) {
      const block = found.at(-1)
      block.text ||= line.replace(/^\s*\*?\/?/, '').trim()
      open = !line.includes('*/')
    } else if (marker && marker !== previous) {
      found.push({ file, line: index + 1, text: rest.replace('*/', '').trim() })
      open = marker.startsWith('/*') && !rest.includes('*/')
    }
    previous = open || marker?.startsWith('/*') ? undefined : marker
  }
  return found
}
