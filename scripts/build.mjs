// Builds the addon, session-groups.<platform>.node, its loader binding.js, index.d.ts, and the executable of the command line,
// bin/session-groups.<platform>.
// Other arguments are passed to `napi build`: `npm run build -- --target aarch64-apple-darwin`.
// `--test` builds the addon of __test__/addon, target/test-addon/session-groups.node, which tests load through
// NAPI_RS_NATIVE_LIBRARY_PATH, and the program that stands in for Claude Code, target/fake-claude/claude.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { main, must, root, Stop } from './process.mjs'

/** The handwritten parts of index.d.ts. The generator adds the classes, functions and constants. */
const TYPINGS = [
  'model',
  'events',
  'graph',
  'progress',
  'claude',
  'repositories',
  'manager',
  'configuration',
  'runner',
  'errors',
]

export async function build(args = []) {
  const output = path.join(root, 'target', 'addon')
  console.error('Building the addon; the first build takes a few minutes ...')
  await napi(output, ['--platform', '--release', ...args])
  console.error('Building the command line ...')
  const executable = await buildExecutable(args)
  for (const name of readdirSync(output).filter((name) => name.endsWith('.node'))) {
    replace(path.join(output, name), path.join(root, name))
    replace(executable, path.join(root, 'bin', executableName(platformOf(name))))
  }
  const parts = TYPINGS.map((subject) => path.join(root, 'src', 'types', `${subject}.d.ts`))
  const generated = withoutInternal(readFileSync(path.join(output, 'index.d.ts'), 'utf8'))
  const typings = [...parts.map((file) => readFileSync(file, 'utf8')), generated].map((text) => text.trim())
  writeFileSync(path.join(root, 'index.d.ts'), `export {}\n\n${typings.join('\n\n')}\n`)
  // Written last, because its modification time marks the end of the build.
  await writeLoader(root)
}

/** Copies a file. Processes that use the old one keep it: they would crash if it was overwritten. */
function replace(from, to) {
  copyFileSync(from, `${to}.new`)
  renameSync(`${to}.new`, to)
}

/** Returns the platform in the name of an addon, such as `linux-x64-gnu`. */
function platformOf(addon) {
  return addon.split('.').at(-2)
}

/** Returns the name of the executable for a platform in `bin/`. */
export function executableName(platform) {
  return `session-groups.${platform}${platform.startsWith('win32') ? '.exe' : ''}`
}

/** Builds the executable and returns its path. napi knows how to compile for the target in `args`. */
async function buildExecutable(args) {
  const output = path.join(root, 'target', 'command-line')
  const command = ['--package', 'session-groups-cli', '--bin', 'session-groups', '--profile', 'cli']
  await napi(output, [...command, ...args])
  return path.join(output, ...readdirSync(output).filter((name) => /^session-groups(\.exe)?$/.test(name)))
}

/** Removes the classes that are documented as `@internal`: the addon has them for index.js. */
function withoutInternal(typings) {
  return typings.replace(/\/\*\*(?:(?!\*\/).)*@internal\n \*\/\nexport declare class \w+ \{[^}]*\}\n+/gs, '')
}

/** Writes binding.js, which finds the addon of the platform. index.js names the exports. */
export async function writeLoader(outputDir) {
  const { readNapiConfig, writeJsBinding } = await import('@napi-rs/cli')
  const { binaryName, packageName, packageJson } = await readNapiConfig(path.join(root, 'package.json'))
  await writeJsBinding({
    platform: true,
    jsBinding: 'binding.js',
    idents: ['initialize'],
    version: packageJson.version,
    binaryName,
    packageName,
    outputDir,
  })
}

export async function buildTestAddon() {
  const output = path.join(root, 'target', 'test-addon')
  console.error('Building the test addon ...')
  await napi(output, ['--package', 'session-groups-test-addon'])
  return path.join(output, 'session-groups.node')
}

/** Builds the program of __test__/runner/fake, which behaves like Claude Code, as target/fake-claude/claude. */
export async function buildFakeClaude() {
  const output = path.join(root, 'target', 'fake-claude')
  console.error('Building the program that stands in for Claude Code ...')
  const args = ['build', '--package', 'fake-claude', '--message-format', 'json']
  const messages = (await must('Building the stand-in', 'cargo', args)).split('\n')
  const built = messages.map((line) => line.match(/"executable":"([^"]+)"/)?.[1]).find(Boolean)
  mkdirSync(output, { recursive: true })
  copyFileSync(built, path.join(output, 'claude'))
}

async function napi(output, args) {
  const cli = path.join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')
  if (!existsSync(cli)) throw new Stop('The npm packages are missing: run `npm ci` first')
  await must('cargo --version', 'cargo', ['--version'])
  rmSync(output, { recursive: true, force: true })
  await must('Building the addon', process.execPath, [
    ...[cli, 'build', '--no-js', '--no-dts-header', '--output-dir', output],
    ...args,
  ])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    if (process.argv.includes('--test')) {
      await buildFakeClaude()
      console.log(path.relative(root, await buildTestAddon()))
    } else await build(process.argv.slice(2))
  })
}
