// Supported platforms: package.json, the release workflow and the README name the same ones, and a missing binary is
// reported by an error.

const { copyFileSync, cpSync, readdirSync, readFileSync } = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { freshDir, root } = require('./helpers')

const read = (...name) => readFileSync(path.join(root, ...name), 'utf8')
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found).sort()

/** The platform in the name of a target's package, as the loader has it. */
const platform = (target) => {
  const [cpu, , system, abi] = target.split('-')
  const names = { linux: 'linux', darwin: 'darwin', windows: 'win32' }
  const arch = { x86_64: 'x64', aarch64: 'arm64' }[cpu]
  return [names[system], arch, ...(abi ? [abi] : [])].join('-')
}

describe('platforms', () => {
  const targets = JSON.parse(read('package.json')).napi.targets.toSorted()
  const platforms = targets.map(platform).sort()

  test('are the same in package.json, the release workflow and the README', () => {
    const workflow = read('.github', 'workflows', 'release.yml')
    expect(all(workflow, /target: (\S+)$/gm)).toEqual(targets)
    expect(all(workflow, /on: (\S+-\S+-\S+)$/gm)).toEqual(targets)
    expect(all(read('README.md'), /`session-groups-([a-z0-9-]+)`/g)).toEqual(platforms)
  })

  test('are those that the loader looks for', () => {
    const loader = read('binding.js')
    for (const platform of platforms) expect(loader).toContain(`'./session-groups.${platform}.node'`)
  })

  // The release script takes the files from the artifacts, and puts both into the package of the platform.
  test('have an addon and an executable that the workflow builds and tests', () => {
    const workflow = read('.github', 'workflows', 'release.yml')
    const [build, rest] = workflow.split(/^ {2}try:$/m)
    expect(build).toMatch(/path: \|\n +session-groups\.\*\.node\n +bin\/session-groups\.\*-\*\n/)
    expect(rest).toContain('node bin/session-groups.js --version')
    const packages = read('bin', 'session-groups.js')
    for (const platform of platforms.filter((name) => name.startsWith('linux')))
      expect(packages).toContain(`'${platform}': '/lib`)
  })

  test('every action of the workflows is pinned to a commit, and no job has more rights than it needs', () => {
    for (const name of ['ci.yml', 'release.yml']) {
      const workflow = read('.github', 'workflows', name)
      expect(all(workflow, /uses: (\S+)/g).filter((use) => !/@[0-9a-f]{40}$/.test(use))).toEqual([])
      expect(workflow).toMatch(/^permissions: \{\}$/m)
    }
  })

  const copyScripts = (folder) => {
    for (const name of readdirSync(root).filter((name) => name.endsWith('.js')))
      copyFileSync(path.join(root, name), path.join(folder, name))
    cpSync(path.join(root, 'lib'), path.join(folder, 'lib'), { recursive: true })
  }

  // Bun would look for the packages in its registry.
  const alone = process.versions.bun ? ['--no-install'] : []
  const runIn = (cwd, script) =>
    spawnSync(process.execPath, [...alone, '-e', script], { cwd, encoding: 'utf8' }).stdout

  test('without a binary: the error names the attempts and the remedy', () => {
    const folder = freshDir()
    copyScripts(folder)
    const stdout = runIn(
      folder,
      `try { require('./index.js') } catch (error) { console.log(error.code, error.message) }`,
    )
    expect(stdout).toMatch(`found no binary that runs on ${process.platform} ${process.arch}:`)
    expect(stdout).toMatch(new RegExp(`session-groups\\.${process.platform}-${process.arch}[a-z-]*\\.node`))
    expect(stdout).toMatch(new RegExp(`session-groups-${process.platform}-${process.arch}`))
    expect(stdout).toMatch('SESSION_GROUPS_NO_BINARY')
    expect(stdout).toMatch('install again without --omit=optional')
    expect(stdout).toMatch('A bundler must leave session-groups out of the bundle (`external`).')
    expect(stdout).not.toMatch('wasi')
  })

  // As in a Bun image of Alpine, which has neither `ldd` nor a report that names musl.
  const onLinux = process.platform === 'linux' ? test : test.skip
  onLinux('the binary for musl is loaded where the one for glibc is not there', () => {
    const folder = freshDir()
    copyScripts(folder)
    const [addon] = readdirSync(root).filter((name) =>
      name.startsWith(`session-groups.linux-${process.arch}-`),
    )
    copyFileSync(path.join(root, addon), path.join(folder, `session-groups.linux-${process.arch}-musl.node`))
    expect(runIn(folder, `console.log(require('./index.js').isActiveGroup('running'))`)).toBe('true\n')
  })
})
