// `node scripts/release.mjs ARTIFACTS` publishes the addon of each platform in a package of its own, and then the package
// that depends on them. ARTIFACTS is a directory with what the builds of all platforms gave. What is published already is
// left out, so that it can be run again where it stopped half-way.

import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { writeLoader } from './build.mjs'
import { main, must, root, run, Stop } from './process.mjs'

const [artifacts] = process.argv.slice(2)
const directory = path.join(root, 'target', 'release-packages')
// Only npm's words tell that a package is published already, and a script that was started with --silent keeps it silent.
const options = { cwd: directory, env: { ...process.env, npm_config_loglevel: 'error' } }

await main(async () => {
  if (!artifacts) throw new Stop('Say where the addons are: node scripts/release.mjs ARTIFACTS')
  const { name, version } = layOut()
  await writeLoader(directory)
  await napi('create-npm-dirs')
  await napi('artifacts', '--output-dir', path.resolve(artifacts))
  // It copies them to both places, but the package itself carries none.
  for (const file of filesIn('.').filter((file) => file.endsWith('.node'))) rmSync(path.join(directory, file))
  for (const platform of filesIn('npm'))
    copyFileSync(path.join(root, 'LICENSE'), path.join(directory, 'npm', platform, 'LICENSE'))
  await napi('pre-publish', '--tag-style', 'npm', '--no-gh-release')
  await publish()
  console.log(`${name} ${version} and its ${filesIn('npm').length} platforms are published`)
})

/** Copies the files of the package, except the addons. */
function layOut() {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  // Those who install the package need neither the scripts nor the development dependencies.
  const { scripts, devDependencies, overrides, jest, ...manifest } = JSON.parse(
    readFileSync(path.join(root, 'package.json'), 'utf8'),
  )
  const files = [
    ...readdirSync(root).filter((name) => name.endsWith('.md')),
    'LICENSE',
    'index.js',
    'index.d.ts',
    'docs',
    'examples',
  ]
  for (const name of files) cpSync(path.join(root, name), path.join(directory, name), { recursive: true })
  const repository = process.env.GITHUB_REPOSITORY
  // Provenance asks that the package name the repository that it was built in.
  if (repository) manifest.repository = { type: 'git', url: `git+https://github.com/${repository}.git` }
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify(manifest, null, 2))
  return manifest
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
