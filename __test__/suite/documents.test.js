// The programs of these pages print what the pages show.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { freshDir, linking, root } = require('./helpers')

describe.each(['configuration.md', 'dependencies.md', 'managing.md'])('docs/%s', (name) => {
  const page = fs.readFileSync(path.join(root, 'docs', name), 'utf8')
  const programs = [...page.matchAll(/```js\n([\s\S]*?)```\n\n```\n([\s\S]*?)```/g)]

  test('has programs', () => {
    expect(programs.length).toBeGreaterThan(0)
    expect(programs.length).toBe(page.split('```js').length - 1)
  })

  linking.each(programs.map(([, program, output]) => [output.split('\n')[0], program, output]))(
    'shows what a program prints: %s',
    (_, program, output) => {
      const cwd = freshDir()
      fs.mkdirSync(path.join(cwd, 'node_modules'))
      fs.symlinkSync(root, path.join(cwd, 'node_modules', 'session-groups'), 'junction')
      fs.writeFileSync(path.join(cwd, 'shown.mjs'), program)
      const { stdout, stderr } = spawnSync(process.execPath, ['shown.mjs'], { cwd, encoding: 'utf8' })
      expect({ stdout, stderr }).toEqual({ stdout: output, stderr: '' })
    },
  )
})
