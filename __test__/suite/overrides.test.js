// Classes that extend those of the addon: a runner and a manager call the methods that they override.

const sg = require('../..')
const { freshDir, makeSession, posix, rejection } = require('./helpers')
const { goesOn, groupOf, prepare, ProcessManager, recording, running } = require('./helpers/runner')

const ID = '20260115-103000-logging'
const FAST = { durability: 'process' }
const BASES = [
  ['FileGroupRepository', sg.FileGroupRepository, (Class, dir = freshDir()) => new Class(dir, FAST)],
  ['InMemoryGroupRepository', sg.InMemoryGroupRepository, (Class) => new Class()],
]

/** Runs a group of two sessions, and returns what was called. */
const run = async (repository) => {
  const { runner, recorder } = await prepare(repository, groupOf({ a: [], b: ['a'] }))
  repository.calls = []
  await runner.run(ID)
  expect((await repository.findById(ID)).status).toBe('completed')
  return { calls: new Set(repository.calls), recorder }
}

running.each(BASES)('a class that extends %s', (_, Base, create) => {
  test.each([
    ['reads', ['findById'], ['findById']],
    ['saves', ['findById', 'save'], ['findById', 'save']],
    ['updates of sessions', ['updateSession', 'save'], ['save']],
    ['updates', ['save', 'update'], ['update']],
  ])('has its %s called by a runner', async (_, names, called) => {
    const { calls, recorder } = await run(create(recording(Base, names)))
    expect([...calls].sort()).toEqual(called)
    expect(recorder.story().at(-1)).toBe('group_completed')
  })

  test('has a method of one object called by a runner', async () => {
    const repository = create(Base)
    repository.save = (...args) => {
      repository.calls?.push('save')
      return Base.prototype.save.apply(repository, args)
    }
    expect((await run(repository)).calls).toEqual(new Set(['save']))
  })

  test('is left alone by a runner if it overrides nothing that is used', async () => {
    class Named extends Base {
      calls = []

      title() {
        return 'mine'
      }
    }
    const repository = create(Named)
    // The addon's own methods are not called as methods, which these would show.
    const prototype = Object.getPrototypeOf(Named.prototype)
    expect(prototype).toBe(Base.prototype)
    expect((await run(repository)).calls).toEqual(new Set())
  })

  test('has the methods called by a manager through which it changes groups', async () => {
    const saving = create(recording(Base, ['save', 'updateSession']))
    const manager = new sg.GroupManager(undefined, saving)
    const { id } = await manager.createGroup({ name: 'A' })
    await manager.addSession(id, makeSession())
    await manager.updateSession(id, '001-api', { prompt: 'Other' })
    await manager.archiveGroup(id)
    expect(saving.calls).toEqual(['save', 'save', 'updateSession', 'save'])
    expect(await saving.findById(id)).toMatchObject({ status: 'archived', sessions: [{ prompt: 'Other' }] })

    const updating = create(recording(Base, ['save', 'update']))
    const other = new sg.GroupManager(undefined, updating)
    const group = await other.createGroup({ name: 'B' })
    await other.archiveGroup(group.id)
    expect(updating.calls).toEqual(['save', 'update'])
  })

  test('loses no change that is made while it saves', async () => {
    const Saving = recording(Base, ['save'])
    const repository = create(Saving)
    const manager = new sg.GroupManager(undefined, repository)
    const { id } = await manager.createGroup({ name: 'A' })
    const save = repository.save.bind(repository)
    let isFirst = true
    repository.save = async (group, options) => {
      if (isFirst) await repository.update(id, { description: 'of another' })
      isFirst = false
      return save(group, options)
    }
    await manager.updateGroup(id, { name: 'B' })
    expect(await repository.findById(id)).toMatchObject({ name: 'B', description: 'of another' })
  })

  test('keeps the times of the clock', async () => {
    const repository = create(recording(Base, ['update']))
    await repository.save(groupOf({ a: [] }, { updatedAt: '2020-01-01T00:00:00.000Z' }))
    const clock = { now: () => new Date('2031-05-05T05:05:05.555Z') }
    await new sg.GroupRunner({ clock, processManager: new ProcessManager() }, repository).run(ID)
    expect(repository.calls).toContain('update')
    expect((await repository.findById(ID)).updatedAt).toBe('2031-05-05T05:05:05.555Z')
  })

  test('fails the run by an error of its own method, and names it', async () => {
    class Broken extends Base {
      async findById(id) {
        if (this.isBroken) throw new Error('the database is down')
        return super.findById(id)
      }
    }
    const repository = create(Broken)
    const { runner } = await prepare(repository, groupOf({ a: [] }))
    repository.isBroken = true
    const error = await rejection(runner.run(ID))
    expect(`${error.message} ${error.cause?.message}`).toContain('the database is down')
  })
})

posix('an object that stands in for a repository has its methods called', async () => {
  const calls = []
  const get = (target, name) => {
    const value = target[name]
    if (typeof value !== 'function') return value
    return (...args) => {
      calls.push(name)
      return value.apply(target, args)
    }
  }
  const repository = new Proxy(new sg.FileGroupRepository(freshDir(), FAST), { get })
  const { runner } = await prepare(repository, groupOf({ a: [] }))
  await runner.run(ID)
  expect((await repository.findById(ID)).status).toBe('completed')
  expect(calls).toContain('update')
})

posix(
  'a class that extends FileGroupRepository shares locks and events with all users of its files',
  async () => {
    const directory = freshDir()
    const Extending = recording(sg.FileGroupRepository, ['save'])
    const repository = new Extending(directory, FAST)
    const { runner, manager, recorder } = await prepare(repository, groupOf({ a: [] }), goesOn)
    const running = runner.run(ID)
    const child = await manager.reaches(1)
    const plain = new sg.FileGroupRepository(directory, FAST)
    const refused = {
      code: 'ALREADY_RUNNING',
      message: expect.stringContaining(`process ${process.pid} on `),
    }
    const second = new sg.GroupRunner({ processManager: new ProcessManager() }, plain)
    expect(await rejection(second.run(ID))).toMatchObject(refused)
    expect(await rejection(new sg.GroupManager(undefined, plain).deleteGroup(ID))).toMatchObject(refused)
    expect((await plain.findById(ID)).runner).toBeUndefined()
    child.exit(0)
    await running
    const events = []
    for await (const event of plain.events(ID)) events.push(event)
    const emitted = recorder.events.filter(({ type }) => !type.endsWith('_progress'))
    expect(events.map(({ v, seq, ...event }) => event)).toEqual(emitted)
    expect(events.map(({ seq }) => seq)).toEqual(emitted.map((_, index) => index + 1))
  },
)
