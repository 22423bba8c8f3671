// Revisions and conditional writes, in every repository.

const { makeGroup, rejection } = require('./helpers')
const { REPOSITORIES } = require('./helpers/repositories')

describe.each(REPOSITORIES)('%s', (_, create) => {
  let repository
  const group = makeGroup()
  const { id } = group
  const stored = () => repository.findById(id)
  beforeEach(() => {
    repository = create()
  })

  describe('revisions', () => {
    test('name the stored state', async () => {
      await repository.save(group)
      const first = await repository.revision(id)
      expect(typeof first).toBe('string')
      expect(await repository.revision(id)).toBe(first)
      await repository.updateSession(id, '001-api', { cost: 1 })
      const second = await repository.revision(id)
      expect(second).not.toBe(first)
      await repository.save(group)
      expect(await repository.revision(id)).toBe(first)
    })

    test('ifRevision acts only on that state', async () => {
      await repository.save(group)
      const ifRevision = await repository.revision(id)
      await repository.save(makeGroup({ name: 'B' }), { ifRevision })
      const actualRevision = await repository.revision(id)
      const conflict = { code: 'CONFLICT', groupId: id, actualRevision }
      expect(await rejection(repository.save(group, { ifRevision }))).toMatchObject(conflict)
      expect(await rejection(repository.delete(id, { ifRevision }))).toMatchObject(conflict)
      expect((await stored()).name).toBe('B')
      expect(await repository.delete(id, { ifRevision: actualRevision })).toBe(true)
      expect(await rejection(repository.save(group, { ifRevision }))).toMatchObject({
        code: 'CONFLICT',
        actualRevision: null,
      })
      expect(await rejection(repository.delete(id, { ifRevision }))).toMatchObject({
        code: 'CONFLICT',
        actualRevision: null,
      })
      expect(await repository.count()).toBe(0)
    })

    test('ifAbsent acts only where there is no group', async () => {
      await repository.save(group, { ifAbsent: true })
      const error = await rejection(repository.save(makeGroup({ name: 'B' }), { ifAbsent: true }))
      expect(error).toMatchObject({ code: 'CONFLICT', actualRevision: await repository.revision(id) })
      await repository.save(makeGroup({ name: 'C' }), { ifAbsent: false, ifRevision: undefined })
      expect((await stored()).name).toBe('C')
    })

    test('options that make no sense are refused', async () => {
      for (const [options, field] of [
        [null, 'options'],
        ['x', 'options'],
        [{ ifRevison: 'x' }, 'ifRevison'],
        [{ ifRevision: null }, 'ifRevision'],
        [{ ifRevision: 5 }, 'ifRevision'],
        [{ ifAbsent: 'yes' }, 'ifAbsent'],
        [{ ifAbsent: true, ifRevision: 'x' }, 'options'],
      ]) {
        expect(await rejection(repository.save(group, options))).toMatchObject({
          code: 'INVALID_ARGUMENT',
          field,
        })
      }
      expect(await rejection(repository.delete(id, { ifAbsent: true }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field: 'ifAbsent',
      })
      expect(await repository.count()).toBe(0)
    })
  })
})
