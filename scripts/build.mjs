// Builds the addon: index.js, index.d.ts and session-groups.<platform>.node.
// Other arguments are passed to `napi build`: `npm run build -- --target aarch64-apple-darwin`.
// `--test` builds a variant with functions that panic, target/test-addon/session-groups.node. Tests load it through
// NAPI_RS_NATIVE_LIBRARY_PATH.

import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { main, must, root, Stop } from './process.mjs'

export async function build(args = []) {
  const output = path.join(root, 'target', 'addon')
  console.error('Building the addon; the first build takes a few minutes ...')
  await napi(output, ['--platform', '--release', ...args])

  const generated = readFileSync(path.join(output, 'index.js'), 'utf8')
  const loader = withMuslOfBun(withOwnError(withoutBindingTarget('index.js', generated)))
  const typings = withoutBindingTarget('index.d.ts', readFileSync(path.join(output, 'index.d.ts'), 'utf8'))
  for (const name of readdirSync(output).filter((name) => name.endsWith('.node'))) {
    copyFileSync(path.join(output, name), path.join(root, `${name}.new`))
    // Renaming keeps the old file for processes that have loaded it; overwriting it would crash them.
    renameSync(path.join(root, `${name}.new`), path.join(root, name))
  }
  writeFileSync(path.join(root, 'index.d.ts'), withoutRemarks(typings))
  // Written last, because its modification time marks the end of the build.
  writeFileSync(path.join(root, 'index.js'), loader)
}

export async function buildTestAddon() {
  const output = path.join(root, 'target', 'test-addon')
  console.error('Building the test addon ...')
  await napi(output, ['--features', 'test-panics', '--no-js'])
  return path.join(output, 'session-groups.node')
}

async function napi(output, args) {
  const cli = path.join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')
  if (!existsSync(cli)) throw new Stop('The npm packages are missing: run `npm ci` first')
  await must('cargo --version', 'cargo', ['--version'])
  rmSync(output, { recursive: true, force: true })
  await must('Building the addon', process.execPath, [cli, 'build', '--output-dir', output, ...args])
}

/**
 * The generator adds an export, `__napiBindingTarget`, that distinguishes native addons from WebAssembly. It is removed,
 * because this package has only native addons and documents all its exports.
 */
const BINDING_TARGET = {
  'index.js': [
    /(?:^\/\/.*\n)*^let __napiLoadedBindingTarget = .*\n/m,
    /(?:^ *\/\/.*\n)*^ *__napiLoadedBindingTarget =\n(?:.*\n){2} *: 'native'\n/m,
    /^ *__napiLoadedBindingTarget = 'wasm32-wasi'\n/gm,
    /(?:^\/\/.*\n)*^if \(\n *__napiLoadedBindingTarget === 'native'[\s\S]*?^}\n+/m,
    /^function __napiStampBindingTarget\([\s\S]*?^}\n/m,
    /(?:^\/\/.*\n)*^module\.exports\.__napiBindingTarget = .*\n/m,
  ],
  'index.d.ts': [/^\/\*\*\n(?: \*.*\n)*export declare const __napiBindingTarget: .*\n+/m],
}

function withoutBindingTarget(name, text) {
  const rest = BINDING_TARGET[name].reduce((text, part) => text.replace(part, ''), text)
  const left = rest.split('\n').findIndex((line) => /BindingTarget/.test(line))
  if (left >= 0) {
    const line = rest.split('\n')[left].trim()
    throw new Stop(
      `${name} still contains the generator's __napiBindingTarget; adapt scripts/build.mjs to: ${line}`,
    )
  }
  return rest
}

/** Removes the `//` comments of src/types/types.d.ts, which are for its maintainers. */
function withoutRemarks(typings) {
  return typings.replace(/^\/\/ .*\n+/gm, '')
}

/** Makes the loader detect Bun for musl by its release URL, since Bun's report does not name the C library. */
function withMuslOfBun(loader) {
  const generated = /^(const isMuslFromReport[\s\S]*?)^ {2}return false\n}\n/m
  if (!generated.test(loader))
    throw new Stop("index.js: the generator's isMuslFromReport has changed, adapt scripts/build.mjs")
  const told =
    '  const { release } = report.header || {}\n  return Boolean(release && /musl/.test(release.sourceUrl))\n}\n'
  return loader.replace(generated, (_, before) => before + told)
}

/** Replaces the generator's error, which blames npm, by one that lists the attempts and a remedy. */
function withOwnError(loader) {
  const generated =
    /^ {4}const error = new Error\(\n {6}`Cannot find native binding[\s\S]*?^ {4}error\.cause = createLoadErrorChain\(loadErrors\)\n/m
  if (!generated.test(loader))
    throw new Stop("index.js: the generator's error has changed, adapt scripts/build.mjs")
  return loader.replace(generated, () => OWN_ERROR)
}

const OWN_ERROR = String.raw`    const attempts = loadErrors.map((error) => String(error.message).split('\n')[0])
    const refused = loadErrors.filter((error) => error.code !== 'MODULE_NOT_FOUND')
    const error = new Error(
      'session-groups found no binary that runs on ' + process.platform + ' ' + process.arch + ':\n' +
        attempts.filter((attempt) => !/wasi/.test(attempt)).map((attempt) => '- ' + attempt + '\n').join('') +
        'It comes as an optional dependency for Linux (glibc 2.17 or newer, musl), macOS and Windows, each on x64 and arm64: ' +
        'install again without --omit=optional (--no-optional), on the system where it is to run. A tarball of a checkout ' +
        'has the binary of one system only. For any other, "From source" in the README says how to build it.',
    )
    error.code = 'SESSION_GROUPS_NO_BINARY'
    if (refused.length > 0) error.cause = createLoadErrorChain(refused)
`

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    if (process.argv.includes('--test')) console.log(path.relative(root, await buildTestAddon()))
    else await build(process.argv.slice(2))
  })
}
