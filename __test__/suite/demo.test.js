// The demonstration, and the run that README.md shows, with recorded sessions.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { freshDir, posix, root } = require('./helpers')

const example = (name) => path.join(root, 'examples', name)

/** Runs a program on the runtime that runs the tests. */
const run = (args, options) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', ...options })
  return { code: status, stdout, stderr }
}

describe('the demonstration', () => {
  posix('runs a group through a crash of its runner and a spent budget', () => {
    const { code, stdout, stderr } = run([example('demo.mjs'), '--fast'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n')[0]).toBe('recorded sessions: no model runs, nothing is spent')
    const steps = [
      'START',
      'kill -9',
      'no runner: `run` takes it up',
      '$2.64 of $3.00',
      'PAUSED',
      'RESUME',
      '4 completed; $3.52 of $5.00',
      'nothing was spent',
    ]
    const found = steps.map((step) => stdout.indexOf(step))
    expect(found).toEqual([...found].sort((one, other) => one - other))
    expect(found).not.toContain(-1)
    // No session is started twice, although its runner was killed.
    const starts = [...stdout.matchAll(/START .* \(\d\/4\) (\S+)/g)].map(([, session]) => session)
    expect(starts.sort()).toEqual(['api', 'client-python', 'client-ts', 'report'])
  })

  posix('says how it is used', () => {
    expect(run([example('demo.mjs'), '--slow'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^usage: /),
    })
  })
})

describe('README.md', () => {
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8')
  const plan = fs.readFileSync(example('payments.group.yaml'), 'utf8')

  test('shows the plan of the demonstration', () => {
    expect(readme).toContain(`\`\`\`yaml\n${plan}\`\`\``)
  })

  posix('shows what the command line prints', () => {
    const home = freshDir()
    for (const name of ['api', 'clients/ts', 'clients/python', 'docs'])
      fs.mkdirSync(path.join(home, name), { recursive: true })
    fs.writeFileSync(path.join(home, 'payments.group.yaml'), plan)
    const claude = path.join(home, 'claude')
    fs.writeFileSync(claude, `#!/bin/sh\nexec "${process.execPath}" "${example('claude.mjs')}" "$@"\n`, {
      mode: 0o755,
    })
    const store = path.join(home, 'groups')
    const env = { ...process.env, HOME: home, SESSION_GROUPS_STORE: store, SESSION_GROUPS_CLAUDE: claude }
    const shown = [...readme.matchAll(/```console\n([\s\S]*?)```/g)].map(([, text]) => text)
    expect(shown.length).toBeGreaterThan(0)
    for (const [, command, output] of shown
      .join('')
      .matchAll(/^\$ npx session-groups (.*)\n((?:(?!\$ ).*\n)*)/gm)) {
      const { stdout, stderr } = run([path.join(root, 'bin', 'session-groups.js'), ...command.split(' ')], {
        cwd: home,
        env,
      })
      expect(comparable(stdout + stderr)).toEqual(comparable(output))
    }
  })

  /** The lines of a run without ids and times. Sessions that run at once end in any order. */
  const comparable = (text) =>
    text
      .replace(/\d{8}-\d{6}/g, 'TIME')
      .replace(/\[[ \d.hms]+\]/g, '[]')
      .trimEnd()
      .split('\n')
      .sort()
})
