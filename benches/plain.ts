// A careful repository without this package. It keeps a file for each group, read and written with node:fs/promises and
// renamed into place. A queue for each group keeps updates in this process from undoing each other. There is no fsync, no
// lock between processes, and no validation.

import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { GroupFilter, GroupSession, GroupSort, SessionGroup } from 'session-groups'

export class PlainRepository {
  readonly #base: string
  readonly #queues = new Map<string, Promise<unknown>>()

  constructor(base: string) {
    this.#base = base
  }

  async findById(id: string): Promise<SessionGroup | null> {
    try {
      return JSON.parse(await readFile(this.#file(id), 'utf8'))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
      throw error
    }
  }

  async list(filter: GroupFilter = {}, sort?: GroupSort): Promise<SessionGroup[]> {
    const ids = await readdir(this.#base)
    const read = await Promise.all(ids.map((id) => this.findById(id)))
    const groups = read.filter((group) => group !== null && matches(group, filter)) as SessionGroup[]
    groups.sort(order(sort))
    const { offset = 0, limit = groups.length } = filter
    return groups.slice(offset, offset + limit)
  }

  async count(filter: GroupFilter = {}): Promise<number> {
    const { limit: _limit, offset: _offset, ...rest } = filter
    return (await this.list(rest)).length
  }

  save(group: SessionGroup): Promise<void> {
    return this.#inTurn(group.id, () => this.#write(group))
  }

  updateSession(id: string, sessionId: string, changes: Partial<GroupSession>): Promise<boolean> {
    return this.#inTurn(id, async () => {
      const group = await this.findById(id)
      const session = group?.sessions.find((session) => session.id === sessionId)
      if (!group || !session) return false
      Object.assign(session, changes)
      await this.#write({ ...group, updatedAt: new Date().toISOString() })
      return true
    })
  }

  #file(id: string): string {
    return path.join(this.#base, id, 'meta.json')
  }

  async #write(group: SessionGroup): Promise<void> {
    const file = this.#file(group.id)
    const temporary = `${file}.${randomUUID()}.tmp`
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(temporary, JSON.stringify(group, null, 2))
    await rename(temporary, file)
  }

  #inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#queues.get(id) ?? Promise.resolve()).then(work)
    const settled = turn
      .catch(() => {})
      .finally(() => {
        if (this.#queues.get(id) === settled) this.#queues.delete(id)
      })
    this.#queues.set(id, settled)
    return turn
  }
}

function matches(group: SessionGroup, { status, nameContains, since }: GroupFilter): boolean {
  return (
    (status === undefined || group.status === status) &&
    (since === undefined || new Date(group.createdAt) >= new Date(since)) &&
    (nameContains === undefined || group.name.toLowerCase().includes(nameContains.toLowerCase()))
  )
}

function order(sort?: GroupSort): (left: SessionGroup, right: SessionGroup) => number {
  const key = sort?.field ?? 'id'
  const sign = sort?.direction === 'desc' ? -1 : 1
  return (left, right) => (left[key] < right[key] ? -sign : left[key] > right[key] ? sign : 0)
}
