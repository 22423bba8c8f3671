// The repositories: ours, and one of the user's own, behind the same interface.

import {
  type DeleteOptions,
  type EventsOptions,
  FileGroupRepository,
  type GroupChange,
  type GroupChangeIterator,
  type GroupChanges,
  type GroupFeedEvent,
  type GroupFeedIterator,
  type GroupFilter,
  type GroupRepository,
  type GroupSession,
  type GroupSort,
  type GroupStatus,
  type GroupStore,
  type GroupSummary,
  InMemoryGroupRepository,
  type RepositoryProblem,
  type SaveOptions,
  type SessionChanges,
  type SessionGroup,
  SessionGroupsError,
  type TokenUsage,
  type Watcher,
  type WatchOptions,
} from 'session-groups'
import type { Claim, HasAny, Not, Same } from './check.js'

type Result<Method extends keyof GroupStore> = Awaited<ReturnType<GroupStore[Method]>>
type Seven = 'findById' | 'findByStatus' | 'list' | 'count' | 'save' | 'updateSession' | 'delete'

/** A class without the methods whose result, as an iterator that returns itself, cannot be searched for `any`. */
type Unwatched<Store extends GroupStore> = Omit<Store, 'watch' | 'events'>
type Signal = NonNullable<WatchOptions['signal']>
/** The runtime's `AbortSignal`, if its types are there. */
type GlobalSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } } ? Signal : never

export type Claims = [
  // The original's methods, and the rest.
  Claim<Same<keyof GroupRepository, Seven>>,
  Claim<Same<keyof GroupStore, Seven | 'summaries' | 'update' | 'revision' | 'verify' | 'watch' | 'events'>>,
  Claim<Same<Parameters<GroupRepository['save']>, [group: SessionGroup]>>,
  Claim<Same<Parameters<GroupRepository['delete']>, [id: string]>>,
  Claim<Same<Parameters<GroupStore['save']>, [group: SessionGroup, options?: SaveOptions | undefined]>>,
  Claim<Same<Parameters<GroupStore['delete']>, [id: string, options?: DeleteOptions | undefined]>>,
  Claim<Same<ReturnType<GroupRepository['save']>, ReturnType<GroupStore['save']>>>,
  Claim<Same<Result<'findById'>, SessionGroup | null>>,
  Claim<Same<Result<'findByStatus'>, readonly SessionGroup[]>>,
  Claim<Same<Result<'list'>, readonly SessionGroup[]>>,
  Claim<Same<Result<'summaries'>, readonly GroupSummary[]>>,
  Claim<Same<GroupSummary['maxBudgetUsd' | 'totalCost' | 'totalSessions'], number>>,
  Claim<Same<GroupSummary['totalTokens'], TokenUsage>>,
  Claim<Same<GroupSummary['cause'], SessionGroup['cause']>>,
  Claim<Same<GroupSummary, Readonly<GroupSummary>>>,
  Claim<Same<Parameters<GroupStore['summaries']>, Parameters<GroupStore['list']>>>,
  Claim<Same<Result<'count'>, number>>,
  Claim<Same<Result<'save'>, void>>,
  Claim<Same<Result<'update'>, SessionGroup | null>>,
  Claim<Same<Result<'updateSession'>, boolean>>,
  Claim<Same<Result<'delete'>, boolean>>,
  Claim<Same<Result<'revision'>, string | null>>,
  Claim<Same<Result<'verify'>, readonly RepositoryProblem[]>>,
  Claim<Same<Awaited<ReturnType<FileGroupRepository['findById']>>, SessionGroup | null>>,
  Claim<Same<Awaited<ReturnType<InMemoryGroupRepository['findById']>>, SessionGroup | null>>,
  Claim<Same<GroupChange['group'], SessionGroup | null>>,
  Claim<Same<GroupChange['revision'], string | null>>,
  Claim<Same<GroupChange['error'], SessionGroupsError | undefined>>,
  Claim<Same<GlobalSignal extends Signal ? true : false, true>>,
  Claim<Not<HasAny<GroupRepository | Unwatched<GroupStore>>>>,
  Claim<Not<HasAny<Unwatched<FileGroupRepository> | Unwatched<InMemoryGroupRepository>>>>,
  Claim<Not<HasAny<GroupChange | WatchOptions>>>,
  Claim<Not<HasAny<ReturnType<GroupChangeIterator['next' | 'return']>>>>,
  Claim<Not<HasAny<ReturnType<GroupFeedIterator['next' | 'return']> | EventsOptions>>>,
  Claim<Same<EventsOptions['signal'], WatchOptions['signal']>>,
  Claim<Same<Parameters<GroupStore['events']>, [id: string, options?: EventsOptions | undefined]>>,
  Claim<Same<GroupFeedIterator extends AsyncIterable<GroupFeedEvent> ? true : false, true>>,
  // Beyond the interface, only `clear` of the one in memory.
  Claim<Same<keyof FileGroupRepository, keyof GroupStore>>,
  Claim<Same<keyof InMemoryGroupRepository, keyof GroupStore | 'clear'>>,
]

export const repositories: GroupStore[] = [
  new FileGroupRepository(),
  new FileGroupRepository('/groups'),
  new FileGroupRepository(undefined, undefined),
  new FileGroupRepository('/groups', { durability: 'process', lockTimeoutMs: 100 }),
  new FileGroupRepository('/groups', { durability: undefined, lockTimeoutMs: undefined }),
  new InMemoryGroupRepository(),
]

export const narrower: readonly GroupRepository[] = repositories

export async function use(repository: GroupStore, group: SessionGroup): Promise<string> {
  await repository.save(group)
  await repository.save(group, undefined)
  await repository.save(group, { ifAbsent: true })
  const revision = await repository.revision(group.id)
  await repository.save(group, { ifRevision: revision ?? undefined, ifAbsent: undefined })

  await repository.list(undefined, undefined)
  await repository.list({ status: 'running', limit: 10 }, { field: 'name', direction: 'asc' })
  const [summary] = await repository.summaries({ offset: 1 }, { field: 'updatedAt', direction: 'desc' })
  const budget: number | undefined = summary?.maxBudgetUsd
  await repository.count({ since: new Date(), limit: budget })
  await repository.count(undefined)

  await repository.update(group.id, { status: 'running', description: undefined })
  await repository.update(group.id, (stored) => ({ name: `${stored.name}!`, sessions: [...stored.sessions] }))
  await repository.updateSession(group.id, '001-a', { status: 'active', cost: undefined })
  await repository.delete(group.id, { ifRevision: undefined })
  await new InMemoryGroupRepository().clear()

  const found = await repository.findById(group.id)
  return found === null ? 'none' : found.name
}

export async function watch(repository: GroupStore, id: string, signal: Signal): Promise<string[]> {
  const seen: string[] = []
  const watcher: Watcher = repository.watch(({ id, revision, group, error }) => {
    seen.push(error?.code ?? `${id} ${revision?.length} ${group?.name ?? 'deleted'}`)
  })
  watcher.ref().unref().close()
  repository.watch(() => {}, undefined).close()
  repository.watch(() => {}, { id, signal }).close()
  repository.watch(async (change: GroupChange) => void change, { id: undefined, signal: undefined }).close()
  for await (const change of repository.watch()) seen.push(change.id)
  for await (const { group } of repository.watch({ id, signal })) if (group?.status === 'completed') break
  const changes: AsyncIterableIterator<GroupChange> = repository.watch(undefined)
  const first = await repository.watch({}).next()
  if (!first.done) seen.push(first.value.id)
  await changes.return?.()
  return seen
}

export async function* forward(repository: GroupStore): AsyncGenerator<GroupChange, undefined, void> {
  return yield* repository.watch()
}

/** One of the user's own, written with nothing but what the package exports. */
export class OwnStore implements GroupStore {
  readonly #groups = new Map<string, SessionGroup>()

  async findById(id: string): Promise<SessionGroup | null> {
    return this.#groups.get(id) ?? null
  }

  findByStatus(status: GroupStatus): Promise<readonly SessionGroup[]> {
    return this.list({ status })
  }

  async list(filter?: GroupFilter, sort?: GroupSort): Promise<readonly SessionGroup[]> {
    if (sort) throw new SessionGroupsError('No sorting here', { code: 'INVALID_FILTER', field: 'sort' })
    return [...this.#groups.values()].filter(({ status }) => status === (filter?.status ?? status))
  }

  async summaries(filter?: GroupFilter): Promise<readonly GroupSummary[]> {
    return (await this.list(filter)).map(({ sessions, config, ...group }) => ({
      ...group,
      totalSessions: sessions.length,
      completed: 0,
      running: 0,
      pending: sessions.length,
      failed: 0,
      totalCost: 0,
      totalTokens: { input: 0, output: 0 },
      maxBudgetUsd: config.maxBudgetUsd,
    }))
  }

  async count(filter?: GroupFilter): Promise<number> {
    return (await this.list(filter)).length
  }

  async save(group: SessionGroup, options?: SaveOptions): Promise<void> {
    if (options?.ifAbsent && this.#groups.has(group.id)) {
      throw new SessionGroupsError('Exists', { code: 'CONFLICT', groupId: group.id, actualRevision: null })
    }
    this.#groups.set(group.id, group)
  }

  async update(
    id: string,
    changes: GroupChanges | ((group: SessionGroup) => GroupChanges),
  ): Promise<SessionGroup | null> {
    const group = this.#groups.get(id)
    if (!group) return null
    const updated = {
      ...group,
      ...(typeof changes === 'function' ? changes(group) : changes),
    } as SessionGroup
    this.#groups.set(id, updated)
    return updated
  }

  async updateSession(groupId: string, sessionId: string, changes: SessionChanges): Promise<boolean> {
    const group = this.#groups.get(groupId)
    const sessions = group?.sessions.map((one) => (one.id === sessionId ? { ...one, ...changes } : one))
    return (
      sessions !== undefined &&
      (await this.update(groupId, { sessions: sessions as GroupSession[] })) !== null
    )
  }

  async delete(id: string): Promise<boolean> {
    return this.#groups.delete(id)
  }

  async revision(id: string): Promise<string | null> {
    return this.#groups.get(id)?.updatedAt ?? null
  }

  async verify(): Promise<readonly RepositoryProblem[]> {
    return []
  }

  watch(listener: (change: GroupChange) => void, options?: WatchOptions): Watcher
  watch(options?: WatchOptions): GroupChangeIterator
  watch(
    first?: ((change: GroupChange) => void) | WatchOptions,
    options?: WatchOptions,
  ): Watcher | GroupChangeIterator {
    const inMemory = new InMemoryGroupRepository()
    if (typeof first !== 'function') return inMemory.watch(first)
    for (const [id, group] of this.#groups)
      if (id === (options?.id ?? id)) first({ id, revision: group.updatedAt, group })
    return new OwnWatcher()
  }

  events(id: string, options?: EventsOptions): GroupFeedIterator {
    return new InMemoryGroupRepository().events(id, options)
  }
}

class OwnWatcher implements Watcher {
  close(): void {}

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

/** A class that lacks methods is none. */
// @ts-expect-error All methods are required.
export class Incomplete implements GroupRepository {
  async findById(): Promise<SessionGroup | null> {
    return null
  }
}

/** Ours can be extended. */
export class Watched extends InMemoryGroupRepository {
  readonly asked: string[] = []

  override findById(id: string): Promise<SessionGroup | null> {
    this.asked.push(id)
    return super.findById(id)
  }
}

declare const repository: FileGroupRepository
declare const narrow: GroupRepository

export async function misuse(): Promise<void> {
  const found = await repository.findById('a')
  // @ts-expect-error There may be none.
  found.name
  // @ts-expect-error `null`, never `undefined`.
  const absent: undefined = found
  // @ts-expect-error The id of a group never changes.
  await repository.update('a', { id: 'b' })
  // @ts-expect-error The slug of a group never changes.
  await repository.update('a', () => ({ slug: 'b' }))
  // @ts-expect-error The creation time of a group never changes.
  await repository.update('a', { createdAt: '2026-01-01T00:00:00Z' })
  // @ts-expect-error A required field cannot be removed.
  await repository.update('a', { name: null })
  // @ts-expect-error The function is synchronous.
  await repository.update('a', async () => ({ name: 'b' }))
  // @ts-expect-error The id of a session never changes.
  await repository.updateSession('a', 'b', { id: 'c' })
  // @ts-expect-error No such status.
  await repository.findByStatus('in_progress')
  // @ts-expect-error A part of a group is none.
  await repository.save({ id: 'a' })
  // @ts-expect-error No such durability.
  new FileGroupRepository('/groups', { durability: 'none' })
  // @ts-expect-error A repository of the user's own need not have it.
  await narrow.update('a', {})
  // @ts-expect-error It need not have this one either.
  await narrow.summaries()
  const [summary] = await repository.summaries()
  // @ts-expect-error A summary has no sessions.
  summary?.sessions
  // @ts-expect-error Preconditions are for a GroupStore.
  await narrow.save(found as SessionGroup, { ifAbsent: true })
  // @ts-expect-error A listener is a function.
  repository.watch('a')
  // @ts-expect-error An id is a string.
  repository.watch({ id: 1 })
  // @ts-expect-error A controller is not its signal.
  repository.watch(() => {}, { signal: { abort() {} } })
  // @ts-expect-error The options come last.
  repository.watch({ id: 'a' }, () => {})
  // @ts-expect-error A watcher that calls a listener cannot be iterated.
  for await (const change of repository.watch(() => {})) change.id
  repository.watch((change) => {
    // @ts-expect-error Fields are readonly.
    change.group = null
  })
  // @ts-expect-error A repository of the user's own need not have it.
  narrow.watch(() => {})
  // @ts-expect-error Only in memory.
  await repository.clear()
  return absent
}
