// Errors: a class to narrow with, and codes to tell them apart.

import { CircularDependencyError, SessionGroupsError, type SessionGroupsErrorCode } from 'session-groups'
import type { Claim, HasAny, Not, Same } from './check.js'

type Code =
  | 'INVALID_ARGUMENT'
  | 'INVALID_ID'
  | 'INVALID_GROUP'
  | 'INVALID_FILTER'
  | 'INVALID_EVENT'
  | 'CORRUPT'
  | 'FOREIGN_OWNER'
  | 'CONFLICT'
  | 'LOCK_TIMEOUT'
  | 'NEWER_SCHEMA'
  | 'INSECURE_STORE'
  | 'NOT_COMMITTED'
  | 'NOT_DURABLE'
  | 'IO'
  | 'NOT_FOUND'
  | 'INVALID_STATE'
  | 'INVALID_TRANSITION'
  | 'ALREADY_RUNNING'
  | 'CIRCULAR_DEPENDENCY'
  | 'INVALID_TEMPLATE'
  | 'CLAUDE_NOT_FOUND'
  | 'CLAUDE_TOO_OLD'
  | 'UNSUPPORTED'
  | 'INTERNAL'

export type Claims = [
  Claim<Same<SessionGroupsErrorCode, Code>>,
  Claim<Same<SessionGroupsError['code'], SessionGroupsErrorCode>>,
  Claim<Same<SessionGroupsError['groupId'], string | undefined>>,
  Claim<Same<SessionGroupsError['path'], string | undefined>>,
  Claim<Same<SessionGroupsError['field'], string | undefined>>,
  Claim<Same<SessionGroupsError['actualRevision'], string | null | undefined>>,
  Claim<Same<CircularDependencyError['code'], 'CIRCULAR_DEPENDENCY'>>,
  Claim<Same<CircularDependencyError['cycle'], readonly string[]>>,
  Claim<Same<CircularDependencyError['cycles'], readonly (readonly string[])[]>>,
  Claim<Not<HasAny<SessionGroupsError['code'] | SessionGroupsError['field'] | SessionGroupsError['path']>>>,
]

export function explain(error: unknown): string {
  if (error instanceof CircularDependencyError)
    return `${error.code}: ${error.cycle.join()} of ${error.cycles.length}`
  if (!(error instanceof SessionGroupsError)) return String(error)
  const plain: Error = error
  switch (error.code) {
    case 'CONFLICT':
      return `now at ${error.actualRevision ?? 'nothing'}`
    case 'INVALID_GROUP':
      return `wrong field ${error.field ?? ''}`
    default:
      return `${plain.message} ${error.groupId ?? ''} ${error.path ?? ''}`
  }
}

export const circular: SessionGroupsError = new CircularDependencyError('a', { cycles: [['a']], cause: 1 })
export class OwnCircularError extends CircularDependencyError {}
// @ts-expect-error The code is always the same.
export const other = new CircularDependencyError('a', { cycles: [['a']], code: 'IO' })
// @ts-expect-error The cycles are required.
export const none = new CircularDependencyError('a', {})

declare const error: SessionGroupsError
// @ts-expect-error No such code.
export const same: boolean = error.code === 'ENOENT'
// @ts-expect-error Fields are readonly.
error.code = 'IO'
