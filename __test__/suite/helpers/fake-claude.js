// Groups whose sessions are real processes: a program that behaves like Claude Code, built from __test__/runner/fake.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const sg = require('../../..')
const { freshDir, makeSession, root } = require('.')
const { groupOf } = require('./runner')

const claudePath = path.join(root, 'target', 'fake-claude', 'claude')
const ID = '20260115-103000-logging'

/** Times of the ladder that do not keep a test waiting. */
const short = { interruptGraceMs: 2000, terminateGraceMs: 1000, exitGraceMs: 2000, startSpacingMs: 0 }

/** A group whose sessions work in one directory, behave as they are told and note their processes in a file. */
const world = (behaviours, config) => {
  const dir = freshDir()
  const ledger = path.join(dir, 'ledger')
  const group = groupOf({}, { config })
  const session = ([id, { behaviour = 'answers', turnMs = 30, dependsOn = [] }]) =>
    makeSession({
      id,
      dependsOn,
      projectPath: dir,
      config: {
        generateClaudeMd: false,
        generateSettings: false,
        env: { FAKE_BEHAVIOUR: behaviour, FAKE_TURN_MS: String(turnMs), FAKE_LEDGER: ledger },
      },
    })
  const notes = () => (fs.existsSync(ledger) ? fs.readFileSync(ledger, 'utf8').trim().split('\n') : [])
  return {
    dir,
    group: { ...group, sessions: Object.entries(behaviours).map(session) },
    options: { claudePath, workDir: path.join(dir, 'work'), ...short },
    starts: () => notes().filter((note) => note === 'start').length,
    pids: () =>
      notes()
        .flatMap((note) => note.match(/^process (\d+)$/)?.[1] ?? [])
        .map(Number),
    billed: () =>
      notes()
        .flatMap((note) => note.match(/^cost (.*)$/)?.[1] ?? [])
        .map(Number),
  }
}

/** Returns `true` unless a process has ended, even if nobody has asked for its exit code yet. */
const isAlive = (pid) => {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}

/** A program that runs the group of a store, with `runner` and `sg` at hand. */
const runGroup = (store, options) =>
  `const repository = new sg.FileGroupRepository(${JSON.stringify(store)}, { durability: 'process' })
   const runner = new sg.GroupRunner(undefined, repository)
   const run = () => runner.run('${ID}', ${JSON.stringify(options)})
   `

/** The same in a store of files. */
const prepareFiles = async (behaviours) => {
  const all = world(behaviours)
  const store = path.join(all.dir, '..', `${path.basename(all.dir)}-store`)
  const repository = new sg.FileGroupRepository(store, { durability: 'process' })
  await repository.save(all.group)
  return { ...all, store, repository }
}

module.exports = { ID, isAlive, prepareFiles, runGroup, world }
