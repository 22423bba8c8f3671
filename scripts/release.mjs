// `node scripts/release.mjs ARTIFACTS` publishes a package for each platform and then the main package, which depends on
// them. ARTIFACTS is a directory with the build artifacts of all platforms. Published packages are skipped, so that the
// script can be run again if it stopped half-way.

import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { executableName, writeLoader } from './build.mjs'
import { main, must, root, run, Stop } from './process.mjs'

const [artifacts] = process.argv.slice(2)
const directory = path.join(root, 'target', 'release-packages')
// A published package is recognised by npm's error message, so the log level must not be inherited from `npm --silent`.
const options = { cwd: directory, env: { ...process.env, npm_config_loglevel: 'error' } }

await main(async () => {
  if (!artifacts)
    throw new Stop('The directory of the artifacts is missing. Usage: node scripts/release.mjs ARTIFACTS')
  const { name, version } = layOut()
  await writeLoader(directory)
  await napi('create-npm-dirs')
  await napi('artifacts', '--output-dir', path.resolve(artifacts))
  // `napi artifacts` also copies the addons into the main package, which must not contain any.
  for (const file of filesIn('.').filter((file) => file.endsWith('.node'))) rmSync(path.join(directory, file))
  for (const platform of filesIn('npm')) {
    copyFileSync(path.join(root, 'LICENSE'), path.join(directory, 'npm', platform, 'LICENSE'))
    addExecutable(platform)
  }
  await napi('pre-publish', '--tag-style', 'npm', '--no-gh-release')
  await publish()
  console.log(`${name} ${version} and its ${filesIn('npm').length} platforms are published`)
})

/** Copies the files of the main package, without the addons, and returns its manifest. */
function layOut() {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  // Fields that only serve development are not published.
  const { scripts, devDependencies, overrides, jest, ...manifest } = JSON.parse(
    readFileSync(path.join(root, 'package.json'), 'utf8'),
  )
  const files = [
    ...readdirSync(root).filter((name) => /\.(?:js|md)$/.test(name) && name !== 'binding.js'),
    'LICENSE',
    'index.d.ts',
    path.join('bin', 'session-groups.js'),
    'lib',
    'docs',
    'examples',
  ]
  for (const name of files) cpSync(path.join(root, name), path.join(directory, name), { recursive: true })
  const repository = process.env.GITHUB_REPOSITORY
  // Provenance requires the repository in the manifest.
  if (repository) manifest.repository = { type: 'git', url: `git+https://github.com/${repository}.git` }
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify(manifest, null, 2))
  return manifest
}

/** Puts the executable of a platform into its package, beside the addon. */
function addExecutable(platform) {
  const built = readdirSync(artifacts, { recursive: true })
  const from = built.find((file) => path.basename(file) === executableName(platform))
  if (!from) throw new Stop(`The artifacts have no ${executableName(platform)}`)
  const name = platform.startsWith('win32') ? 'session-groups.exe' : 'session-groups'
  const at = path.join(directory, 'npm', platform)
  copyFileSync(path.join(artifacts, from), path.join(at, name))
  // Artifacts of a workflow lose their permissions.
  chmodSync(path.join(at, name), 0o755)
  const manifest = JSON.parse(readFileSync(path.join(at, 'package.json'), 'utf8'))
  manifest.files.push(name)
  writeFileSync(path.join(at, 'package.json'), JSON.stringify(manifest, null, 2))
}

function filesIn(name) {
  return readdirSync(path.join(directory, name))
}

function napi(command, ...args) {
  const cli = path.join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')
  return must(`napi ${command}`, process.execPath, [cli, command, ...args], options)
}

async function publish() {
  const { ok, output } = await run('npm', ['publish'], options)
  const isThere = /cannot publish over the previously published version/i.test(output)
  if (!ok && !isThere) throw new Stop(`${output.trimEnd()}\n\nnpm publish failed`)
}
