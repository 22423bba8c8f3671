// groupEvents: the events of groups in any repository.

const sg = require('../..')
const { posix, rejection, thrown } = require('./helpers')
const { OwnRepository, goesOn, groupOf, prepare, RUN_FROM, running } = require('./helpers/runner')

const ID = '20260115-103000-logging'

const all = async (iterator) => {
  const events = []
  for await (const event of iterator) events.push(event)
  return events
}
const types = (events) => events.map(({ type }) => type)

running.each(RUN_FROM)('on %s', (_, createRepository) => {
  test('the events of a run are those that were emitted, numbered from 1', async () => {
    const { runner, repository, recorder } = await prepare(createRepository(), groupOf({ a: [], b: ['a'] }))
    await runner.run(ID)
    const events = await all(sg.groupEvents(repository, ID))
    const emitted = recorder.events.filter(({ type }) => !type.endsWith('_progress'))
    expect(events).toEqual(emitted.map((event, index) => ({ v: 1, seq: index + 1, ...event })))
    const last = await all(sg.groupEvents(repository, ID, { after: events.length - 1 }))
    expect(types(last)).toEqual(['group_completed'])
  })

  test('a reader follows a group from before its first run to its deletion', async () => {
    const { runner, repository, recorder } = await prepare(createRepository(), groupOf({ a: [] }))
    const following = all(sg.groupEvents(repository, ID, { follow: true }))
    await runner.run(ID)
    await new sg.GroupManager(undefined, repository).deleteGroup(ID)
    const emitted = recorder.events.filter(({ type }) => !type.endsWith('_progress'))
    expect(types(await following)).toEqual([...types(emitted), 'group_deleted'])
  })

  test('a deletion that ends a run ends the reader', async () => {
    const { runner, manager, repository } = await prepare(createRepository(), groupOf({ a: [] }), goesOn)
    const following = all(sg.groupEvents(repository, ID, { follow: true }))
    const run = runner.run(ID).catch(({ code }) => code)
    await manager.reaches(1)
    await repository.delete(ID)
    expect(await run).toBe('NOT_FOUND')
    expect(types(await following).at(-1)).toBe('group_deleted')
  })

  test('a group that does not exist has no events', async () => {
    expect(await all(sg.groupEvents(createRepository(), 'none', { follow: true }))).toEqual([])
  })

  test('a signal, a return and the end of a block end a reader', async () => {
    const { repository } = await prepare(createRepository(), groupOf({ a: [] }))
    const controller = new AbortController()
    const aborted = all(sg.groupEvents(repository, ID, { follow: true, signal: controller.signal }))
    controller.abort()
    expect(await aborted).toEqual([])
    const iterator = sg.groupEvents(repository, ID, { follow: true })
    const next = iterator.next()
    expect(await iterator.return('x')).toEqual({ done: true, value: 'x' })
    expect(await next).toEqual({ done: true, value: undefined })
    if (Symbol.asyncDispose) await sg.groupEvents(repository, ID, { follow: true })[Symbol.asyncDispose]()
  })

  test('options of the wrong type are refused at once', () => {
    const error = thrown(() => sg.groupEvents(createRepository(), ID, { after: 'x' }))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: expect.stringContaining('after') })
  })
})

posix('a group that was deleted and made anew has events of its own', async () => {
  const { runner, repository, group } = await prepare(new OwnRepository(), groupOf({ a: [], b: [] }))
  await runner.run(ID)
  const following = all(sg.groupEvents(repository, ID, { follow: true }))
  await repository.delete(ID)
  const createdAt = '2026-02-02T02:02:02.000Z'
  await repository.save({ ...group, sessions: group.sessions.slice(1), createdAt })
  await runner.run(ID)
  expect(types(await following).at(-1)).toBe('group_deleted')
  const events = await all(sg.groupEvents(repository, ID))
  expect(types(events)).toEqual([
    'group_started',
    'group_session_started',
    'group_session_completed',
    'group_completed',
  ])
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
})

posix('events that earlier processes have reported are a gap in a class that keeps none', async () => {
  const { runner, repository } = await prepare(new OwnRepository(), groupOf({ a: [] }, { eventSeq: 7 }))
  await runner.run(ID)
  const [gap, next] = await all(sg.groupEvents(repository, ID))
  expect(gap).toMatchObject({ type: 'feed_gap', from: 1, to: 7, seq: 7 })
  expect(next).toMatchObject({ type: 'group_started', seq: 8 })
})

test('an error of a repository ends the iterator', async () => {
  class Broken extends OwnRepository {
    async findById() {
      throw new Error('no database')
    }
  }
  const iterator = sg.groupEvents(new Broken(), ID, { follow: true })
  expect((await rejection(iterator.next())).message).toBe('no database')
  expect(await iterator.next()).toEqual({ done: true, value: undefined })
  // Leaving the loop, or the end of a block, does not report it again.
  expect(await sg.groupEvents(new Broken(), ID).return()).toEqual({ done: true, value: undefined })
})

test('what is not a repository is refused', () => {
  for (const repository of [undefined, 5, {}])
    expect(thrown(() => sg.groupEvents(repository, ID))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      field: 'repository',
    })
})
