// The manager and the generator of configurations: with the original's mocks, which have private members, and with classes of
// the user's own.

import {
  ConfigGenerator,
  type ConfigGeneratorError,
  type CreateGroupOptions,
  type Err,
  type GroupConfig,
  type GroupContainer,
  GroupManager,
  type GroupRepository,
  type GroupSession,
  InMemoryGroupRepository,
  type ManagedProcess,
  type Ok,
  type Result,
  type SessionConfigResult,
  type SessionGroup,
} from 'session-groups'
import type { Claim, HasAny, Not, Same } from './check.js'

export type Claims = [
  Claim<Same<Awaited<ReturnType<GroupManager['createGroup']>>, SessionGroup>>,
  Claim<Same<Awaited<ReturnType<GroupManager['getGroup']>>, SessionGroup | null>>,
  Claim<Same<Awaited<ReturnType<GroupManager['listGroups']>>, readonly SessionGroup[]>>,
  Claim<Same<Awaited<ReturnType<GroupManager['updateSession']>>, GroupSession>>,
  Claim<Same<Awaited<ReturnType<GroupManager['deleteGroup']>>, void>>,
  Claim<
    Same<
      Result<string, ConfigGeneratorError>,
      Ok<string, ConfigGeneratorError> | Err<string, ConfigGeneratorError>
    >
  >,
  Claim<
    Not<HasAny<SessionConfigResult[keyof SessionConfigResult] | CreateGroupOptions[keyof CreateGroupOptions]>>
  >,
]

/** A clock with private members and more methods than are needed. */
class MockClock {
  private time = 0
  now(): Date {
    return new Date(this.time)
  }
  timestamp(): string {
    return this.now().toISOString()
  }
  advance(milliseconds: number): void {
    this.time += milliseconds
  }
}

/** A file system with private members. */
class MockFileSystem {
  private files = new Map<string, string>()
  async readFile(path: string, _encoding?: string): Promise<string> {
    return this.files.get(path) ?? ''
  }
  async writeFile(path: string, content: string): Promise<void> {
    this.files.set(path, content)
  }
  async exists(path: string): Promise<boolean> {
    return this.files.has(path)
  }
  async mkdir(_path: string, _options?: { recursive?: boolean }): Promise<void> {}
  async rm(_path: string): Promise<void> {}
}

interface EventMap {
  group_created: { readonly type: 'group_created'; readonly groupId: string }
  session_ended: { readonly type: 'session_ended' }
}

/** An emitter with private members whose events have types of their own. */
class TypedEmitter {
  private count = 0
  emit<Type extends keyof EventMap>(_type: Type, _event: EventMap[Type]): void {
    this.count += 1
  }
}

/** An emitter with the parameters of Node's. */
class NodeEmitter {
  emit(_name: string | symbol, ..._args: unknown[]): boolean {
    return true
  }
}

/** The container of a program, with more members than are needed. */
interface Container {
  readonly fileSystem: MockFileSystem
  readonly processManager: { spawn(command: string, args: readonly string[]): ManagedProcess }
  readonly clock: MockClock
  readonly groupRepository: GroupRepository
}

declare const container: Container
declare const own: GroupRepository
declare const session: GroupSession

export const managers = [
  new GroupManager(container, own, new TypedEmitter()),
  new GroupManager(container, new InMemoryGroupRepository(), new NodeEmitter()),
  new GroupManager({ clock: new MockClock() }, own),
  new GroupManager({ clock: undefined }, own, undefined),
  new GroupManager(undefined, own),
  new GroupManager({}, own),
]
export const generators = [new ConfigGenerator(container), new ConfigGenerator(undefined)]
export const asContainer: GroupContainer = container

export async function use(manager: GroupManager, partial: Partial<GroupConfig>): Promise<number> {
  const group = await manager.createGroup({ name: 'A', description: undefined, config: { model: undefined } })
  await manager.createGroup({ name: 'A', config: partial })
  await manager.updateGroup(group.id, {
    status: 'running',
    description: undefined,
    startedAt: group.createdAt,
  })
  await manager.addSession(group.id, session)
  const updated: GroupSession = await manager.updateSession(group.id, session.id, {
    status: 'active',
    cost: undefined,
  })
  await manager.removeSession(group.id, updated.id, { force: true })
  await manager.archiveGroup(group.id)
  return (await manager.listGroups({ status: 'archived' })).length
}

export async function generate(generator: ConfigGenerator, group: SessionGroup): Promise<string> {
  const result = await generator.generateSessionConfig(session, group)
  if (result.isOk()) return result.value.claudeMdPath ?? result.value.configDir
  switch (result.error.type) {
    case 'invalid_template':
      return result.error.message
    case 'template_not_found':
      return result.error.path
    default:
      return `${result.error.path}: ${String(result.error.cause)}`
  }
}

export class OwnManager extends GroupManager {
  override async getGroup(groupId: string): Promise<SessionGroup | null> {
    return super.getGroup(groupId)
  }
}

declare const manager: GroupManager
// @ts-expect-error Sessions have methods of their own.
export const sessions = manager.updateGroup('a', { sessions: [] })
// @ts-expect-error A name is required.
export const nameless = manager.createGroup({})
// @ts-expect-error The repository is required.
export const none = new GroupManager(undefined)
