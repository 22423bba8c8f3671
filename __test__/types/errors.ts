// Errors: a class to narrow with, and codes to tell them apart.

import { SessionGroupsError, type SessionGroupsErrorCode } from 'session-groups'
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
  | 'INTERNAL'

export type Claims = [
  Claim<Same<SessionGroupsErrorCode, Code>>,
  Claim<Same<SessionGroupsError['code'], SessionGroupsErrorCode>>,
  Claim<Same<SessionGroupsError['groupId'], string | undefined>>,
  Claim<Same<SessionGroupsError['path'], string | undefined>>,
  Claim<Same<SessionGroupsError['field'], string | undefined>>,
  Claim<Same<SessionGroupsError['actualRevision'], string | null | undefined>>,
  Claim<Not<HasAny<SessionGroupsError['code'] | SessionGroupsError['field'] | SessionGroupsError['path']>>>,
]

export function explain(error: unknown): string {
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

declare const error: SessionGroupsError
// @ts-expect-error No such code.
export const same: boolean = error.code === 'ENOENT'
// @ts-expect-error Fields are readonly.
error.code = 'IO'
