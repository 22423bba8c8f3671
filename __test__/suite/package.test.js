// Checks that package.json, Cargo.toml, the typings and the documents agree.

const { readdirSync, readFileSync } = require('node:fs')
const path = require('node:path')

const read = (name) => readFileSync(path.join(__dirname, '..', '..', name), 'utf8')
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found)
/** The part of a document below a heading. */
const section = (text, heading) => text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))

const manifest = JSON.parse(read('package.json'))
const cargo = read('Cargo.toml')
const readme = read('README.md')
const contributing = read('.github/CONTRIBUTING.md')

describe('the package', () => {
  test('runs nothing when it is installed, and installs nothing else', () => {
    const run = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'preprepare', 'postprepare']
    expect(Object.keys(manifest.scripts).filter((name) => run.includes(name))).toEqual([])
    expect(manifest.dependencies ?? {}).toEqual({})
  })

  test('has one version, of which CHANGELOG.md speaks', () => {
    expect(cargo).toContain(`\nversion = "${manifest.version}"\n`)
    expect(read('CHANGELOG.md')).toMatch(new RegExp(`^## .*\\b${manifest.version}\\b`, 'm'))
  })

  test('needs the versions of Node and Rust that the documents name', () => {
    const node = manifest.engines.node.replace('>=', '')
    const [rust] = all(cargo, /^rust-version = "(.*)"$/gm)
    expect(new Set(all(readme, /Node ≥ ([\d.]*\d)/g))).toEqual(new Set([node]))
    expect(new Set(all(readme, /Rust ≥ ([\d.]*\d)/g))).toEqual(new Set([rust]))
    expect(contributing).toContain(`With Node ${node} or newer and Rust ${rust} or newer`)
  })
})

describe('the documents', () => {
  test('explain each command', () => {
    const commands = Object.keys(manifest.scripts).map((name) => (name === 'test' ? name : `run ${name}`))
    const explained = all(section(contributing, 'Commands'), /`npm ((?:run )?[a-z:]+)`/g)
    expect(explained.sort()).toEqual(commands.sort())
  })

  test('say of each crate what it is for', () => {
    const tables = [cargo, read('crates/core/Cargo.toml'), read('crates/cli/Cargo.toml')]
      .join('\n')
      .split(/^\[/m)
      .filter((table) => /^(?:.*\.)?(?:build-)?dependencies\]/.test(table))
    const crates = tables.flatMap((table) => all(table, /^([\w-]+) = /gm))
    const rows = read('docs/crates.md').matchAll(/^\| ([\w-]+(?:, (?:on Windows )?[\w-]+)*) \|/gm)
    const explained = Array.from(rows, ([, names]) => names.replace('on Windows ', '').split(', ')).flat()
    const others = new Set(crates.filter((name) => name !== 'session-groups'))
    expect(explained.filter((name) => name !== 'crate').sort()).toEqual([...others].sort())
  })

  test('have each code of an error', () => {
    const typings = read('index.d.ts')
    const [union] = all(typings, /^export type SessionGroupsErrorCode =\n((?: {2}\| '\w+'\n)+)/gm)
    const codes = all(union, /'(\w+)'/g)
    expect(all(read('docs/errors.md'), /^\| `(\w+)` \|/gm)).toEqual(codes)
    expect(all(typings, /^ \* \| `(\w+)` \|/gm)).toEqual(codes)
  })

  test('link to files that are there', () => {
    const pages = readdirSync(path.join(__dirname, '..', '..', 'docs')).filter((name) => name.endsWith('.md'))
    const names = ['README.md', '.github/CONTRIBUTING.md', ...pages.map((name) => `docs/${name}`)]
    for (const name of names)
      for (const link of all(read(name), /\]\((?!https?:)([^)#]+)\)/g))
        expect(() => read(path.join(path.dirname(name), link))).not.toThrow()
  })
})
