// The kinds of repositories: those of the addon, and those of which methods are written in JavaScript.

const { FileGroupRepository, InMemoryGroupRepository } = require('./addon.js')

/** The methods through which groups are managed and run. */
const METHODS = [
  'findById',
  'findByStatus',
  'list',
  'count',
  'save',
  'update',
  'updateSession',
  'delete',
  'watch',
]

/** The methods by which a change is written where `update` is not used. */
const WRITES = ['save', 'updateSession']

/** The methods of the addon's classes. Kept, because a program may replace those of a prototype. */
const NATIVE = [FileGroupRepository, InMemoryGroupRepository].map((Class) => ({
  Class,
  methods: Object.fromEntries(METHODS.map((name) => [name, Class.prototype[name]])),
}))

/** Returns the names of the methods that a repository of the addon has overridden; `undefined` for another repository. */
function overridden(repository) {
  const native = NATIVE.find(({ Class }) => repository instanceof Class)
  return native && METHODS.filter((name) => repository[name] !== native.methods[name])
}

/** Returns `true` if a repository is one of the addon's, all of whose methods are the addon's own. */
exports.isNative = (repository) => overridden(repository)?.length === 0

/** Returns `true` if a repository is of a class of the addon, or of one that extends it. */
exports.extendsNative = (repository) => overridden(repository) !== undefined

/**
 * Returns `true` if groups are changed by `update`. A class that extends one of the addon's and overrides another method that
 * writes, but not `update`, expects that method to be called.
 */
exports.hasUpdate = (repository) => {
  if (typeof repository.update !== 'function') return false
  const names = overridden(repository) ?? []
  return names.includes('update') || !WRITES.some((name) => names.includes(name))
}

/**
 * Replaces a group in a repository whose `update` is not used by what `change` makes of it. Returns the saved group, or `null`
 * if there is none. A class that extends one of the addon's can tell that others have changed the group meanwhile.
 */
exports.replace = async function replace(repository, groupId, change) {
  const hasRevisions = exports.extendsNative(repository)
  for (;;) {
    const revision = hasRevisions ? await repository.revision(groupId) : undefined
    const found = revision === null ? null : await repository.findById(groupId)
    const group = change(found ?? null)
    if (group === null) return null
    try {
      await (hasRevisions ? repository.save(group, { ifRevision: revision }) : repository.save(group))
      return group
    } catch (error) {
      if (!hasRevisions || error?.code !== 'CONFLICT') throw error
    }
  }
}
