// Builds the API reference from the typings in target/docs. Missing documentation and broken links are errors. TypeDoc
// and a TypeScript version that it supports are installed under target/.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { main, must, root } from './process.mjs'

const PACKAGES = { typedoc: '0.28.20', typescript: '5.9.3' }
const tools = path.join(root, 'target', 'typedoc')

/** The kinds of exports and members that must be documented. TypeDoc's default leaves out constructors. */
const DOCUMENTED = 'Class Constructor Function Interface Method Property TypeAlias Variable'.split(' ')

await main(async () => {
  const program = path.join(tools, 'node_modules', 'typedoc', 'bin', 'typedoc')
  if (!existsSync(program)) {
    mkdirSync(tools, { recursive: true })
    writeFileSync(path.join(tools, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }))
    await must('npm install', 'npm', ['install', '--no-audit', '--no-fund'], {
      cwd: tools,
      shell: process.platform === 'win32',
    })
  }
  const out = path.join(root, 'target', 'docs')
  await must('typedoc', process.execPath, [
    program,
    ...['--entryPoints', 'index.d.ts', '--tsconfig', '__test__/types/tsconfig.json', '--out', out],
    ...['--readme', 'README.md'],
    ...['groups', 'dependencies', 'running', 'repositories', 'progress', 'events'].flatMap((page) => [
      '--projectDocuments',
      `docs/${page}.md`,
    ]),
    ...['--disableSources', '--treatWarningsAsErrors', '--validation.notDocumented'],
    ...DOCUMENTED.flatMap((kind) => ['--requiredToBeDocumented', kind]),
  ])
  console.log(path.relative(root, path.join(out, 'index.html')))
})
