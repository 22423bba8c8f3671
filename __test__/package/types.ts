import {
  FileGroupRepository,
  type GroupRepository,
  type SessionGroup,
  SessionGroupsError,
} from 'session-groups'

const repository: GroupRepository = new FileGroupRepository('groups', { durability: 'process' })

export async function names(): Promise<string[]> {
  const groups: readonly SessionGroup[] = await repository.list(
    { limit: 20 },
    { field: 'name', direction: 'asc' },
  )
  return groups.map(({ name }) => name)
}

export const code = (error: unknown): string | undefined =>
  error instanceof SessionGroupsError ? error.code : undefined
