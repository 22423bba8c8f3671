// GroupManager and the groups that this process runs or deletes.

const { spawn } = require('node:child_process')
const path = require('node:path')
const sg = require('../..')
const { posix, rejection, root } = require('./helpers')
const { goesOn, groupOf, prepare, RUN_FROM, running } = require('./helpers/runner')
const { ID, isAlive, prepareFiles } = require('./helpers/fake-claude')
const { WrappingRepository } = require('./helpers/managed')

const refused = {
  code: 'ALREADY_RUNNING',
  groupId: ID,
  message: expect.stringContaining(`process ${process.pid} on `),
}

running.each(RUN_FROM)('on %s', (_, createRepository) => {
  test('a group that this process runs is not deleted, from the call of run to its end', async () => {
    const repository = createRepository()
    const { runner, manager, group } = await prepare(repository, groupOf({ a: [] }), goesOn)
    const groups = new sg.GroupManager(undefined, repository)
    const run = runner.run(ID)
    // Nothing of the run is stored yet.
    expect(await rejection(groups.deleteGroup(ID))).toMatchObject(refused)
    const child = await manager.reaches(1)
    expect(await rejection(groups.deleteGroup(ID))).toMatchObject(refused)
    // Without the fields of the run, as a program saves it that has read it before.
    await repository.save(group)
    expect(await rejection(groups.deleteGroup(ID))).toMatchObject(refused)
    child.exit(0)
    await run
    await groups.deleteGroup(ID)
    expect(await repository.findById(ID)).toBeNull()
  })

  test('a run that is rejected leaves the group free', async () => {
    const repository = createRepository()
    const { runner } = await prepare(repository, groupOf({ a: ['b'], b: ['a'] }))
    const groups = new sg.GroupManager(undefined, repository)
    expect((await rejection(runner.run(ID))).code).toBe('CIRCULAR_DEPENDENCY')
    await groups.deleteGroup(ID)
    expect(await repository.findById(ID)).toBeNull()
  })

  test('a group that this process deletes is not run', async () => {
    const repository = createRepository()
    const { runner, manager } = await prepare(repository, groupOf({ a: [] }))
    const deleteIt = repository.delete.bind(repository)
    let goOn
    const held = new Promise((resolve) => {
      repository.delete = async (id) => {
        resolve()
        await new Promise((resolveHold) => {
          goOn = resolveHold
        })
        return deleteIt(id)
      }
    })
    const deletion = new sg.GroupManager(undefined, repository).deleteGroup(ID)
    await held
    expect(await rejection(runner.run(ID))).toMatchObject(refused)
    goOn()
    await deletion
    expect([manager.spawned, await repository.findById(ID)]).toEqual([[], null])
    expect((await rejection(runner.run(ID))).code).toBe('NOT_FOUND')
  })
})

const HELPER = JSON.stringify(path.join(root, '__test__', 'suite', 'helpers', 'managed.js'))

for (const [where, wrap, wrapped] of [
  ['files', (files) => files, 'files'],
  ['a class around files', (files) => new WrappingRepository(files), 'new WrappingRepository(files)'],
])
  posix(`a deletion ends what a killed runner has left, in ${where}`, async () => {
    const { options, store, repository, pids } = await prepareFiles({ a: { behaviour: 'works_on' } })
    const script = `const sg = require(${JSON.stringify(root)})
      const { WrappingRepository } = require(${HELPER})
      const files = new sg.FileGroupRepository(${JSON.stringify(store)}, { durability: 'process' })
      const runner = new sg.GroupRunner(undefined, ${wrapped})
      runner.on('session_progress', () => console.log('now'))
      runner.run('${ID}', ${JSON.stringify(options)})`
    const child = spawn(process.execPath, ['-e', script])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const groups = new sg.GroupManager(undefined, wrap(repository))
    expect(await rejection(groups.deleteGroup(ID))).toMatchObject({
      code: 'ALREADY_RUNNING',
      message: expect.stringContaining(`process ${child.pid} on `),
    })
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    expect(pids().filter(isAlive)).toHaveLength(1)
    await groups.deleteGroup(ID)
    expect(pids().filter(isAlive)).toEqual([])
    expect(await repository.findById(ID)).toBeNull()
  })
