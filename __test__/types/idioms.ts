// Code as users of the original have written it: it compiles with a changed import and nothing else.

import {
  type BaseEvent,
  type BudgetConfig,
  type ConcurrencyConfig,
  DEFAULT_BUDGET_CONFIG,
  DEFAULT_CONCURRENCY_CONFIG,
  DEFAULT_GROUP_CONFIG,
  DEFAULT_SESSION_CONFIG,
  FileGroupRepository,
  type GroupConfig,
  type GroupFilter,
  type GroupPausedEvent,
  type GroupRepository,
  type GroupSession,
  type GroupSort,
  type GroupStatus,
  type GroupStore,
  InMemoryGroupRepository,
  type SessionConfig,
  type SessionGroup,
  SessionGroupsError,
} from 'session-groups'

// A variable that starts as a default and changes.
let config = DEFAULT_GROUP_CONFIG
config = { ...config, model: 'opus', maxBudgetUsd: 50, onBudgetExceeded: 'stop' }
let budget = DEFAULT_BUDGET_CONFIG
budget = { maxBudgetUsd: 1, onBudgetExceeded: 'warn', warningThreshold: 0.5 }
let concurrency = DEFAULT_CONCURRENCY_CONFIG
concurrency = { ...concurrency, maxConcurrent: 8, pauseOnError: false }
let sessionConfig = DEFAULT_SESSION_CONFIG
sessionConfig = { ...sessionConfig, generateSettings: true, claudeMdTemplate: 'api' }
export const variables: [GroupConfig, BudgetConfig, ConcurrencyConfig, SessionConfig] = [
  config,
  budget,
  concurrency,
  sessionConfig,
]

// A default parameter.
export function start(name: string, settings = DEFAULT_GROUP_CONFIG, limits = DEFAULT_BUDGET_CONFIG): string {
  return `${name} ${settings.model} ${limits.maxBudgetUsd}`
}
start('a', { ...DEFAULT_GROUP_CONFIG, model: 'haiku' }, { ...DEFAULT_BUDGET_CONFIG, maxBudgetUsd: 3 })

// A comparison.
export const isDefault = (given: GroupConfig): boolean =>
  given.model === DEFAULT_GROUP_CONFIG.model &&
  DEFAULT_GROUP_CONFIG.maxBudgetUsd === 20 &&
  DEFAULT_BUDGET_CONFIG.onBudgetExceeded !== 'stop' &&
  DEFAULT_CONCURRENCY_CONFIG.pauseOnError === false

// State of a generic type, as of a user interface.
declare function useState<S>(initial: S): [S, (next: S) => void]
const [, setConfig] = useState(DEFAULT_GROUP_CONFIG)
setConfig({ ...DEFAULT_GROUP_CONFIG, model: 'opus', maxConcurrentSessions: 5 })

// A class field.
export class Settings {
  config = DEFAULT_GROUP_CONFIG
  limits = DEFAULT_BUDGET_CONFIG

  raise(maxBudgetUsd: number): void {
    this.config = { ...this.config, maxBudgetUsd }
    this.limits = { ...this.limits, maxBudgetUsd }
  }
}

// A repository of the user's own, with the original's seven methods.
export class OwnRepository implements GroupRepository {
  private readonly groups = new Map<string, SessionGroup>()

  async findById(id: string): Promise<SessionGroup | null> {
    return this.groups.get(id) ?? null
  }

  async findByStatus(status: GroupStatus): Promise<readonly SessionGroup[]> {
    return this.list({ status })
  }

  async list(filter?: GroupFilter, _sort?: GroupSort): Promise<readonly SessionGroup[]> {
    return [...this.groups.values()].filter(({ status }) => !filter?.status || filter.status === status)
  }

  async count(filter?: GroupFilter): Promise<number> {
    return (await this.list(filter)).length
  }

  async save(group: SessionGroup): Promise<void> {
    this.groups.set(group.id, group)
  }

  async updateSession(groupId: string, sessionId: string, updates: Partial<GroupSession>): Promise<boolean> {
    const group = this.groups.get(groupId)
    if (!group) return false
    const sessions = group.sessions.map((one) =>
      one.id === sessionId ? ({ ...one, ...updates } as GroupSession) : one,
    )
    this.groups.set(groupId, { ...group, sessions })
    return true
  }

  async delete(id: string): Promise<boolean> {
    return this.groups.delete(id)
  }
}

// A mock.
export const mock: GroupRepository = {
  findById: async () => null,
  findByStatus: async () => [],
  list: async () => [],
  count: async () => 0,
  save: async () => {},
  updateSession: async () => true,
  delete: async () => false,
}

// A service that takes a repository takes the user's, ours and the mock.
export class Service {
  constructor(readonly repository: GroupRepository) {}
}
export const services = [
  new Service(new OwnRepository()),
  new Service(new FileGroupRepository()),
  new Service(new InMemoryGroupRepository()),
  new Service(mock),
]

// The original's interface takes our repositories, where an import was left as it was.
interface OriginalRepository {
  findById(id: string): Promise<SessionGroup | null>
  findByStatus(status: GroupStatus): Promise<readonly SessionGroup[]>
  list(filter?: GroupFilter, sort?: GroupSort): Promise<readonly SessionGroup[]>
  count(filter?: GroupFilter): Promise<number>
  save(group: SessionGroup): Promise<void>
  updateSession(groupId: string, sessionId: string, updates: Partial<GroupSession>): Promise<boolean>
  delete(id: string): Promise<boolean>
}
declare const store: GroupStore
export const originals: OriginalRepository[] = [store, new OwnRepository(), new FileGroupRepository()]
declare const original: OriginalRepository
export const ours: GroupRepository = original

// An event of the user's own.
export interface DeployedEvent extends BaseEvent {
  readonly type: 'deployed'
  readonly url: string
}
export const deployed: DeployedEvent = { type: 'deployed', url: '/', timestamp: '2026-01-15T10:30:00.000Z' }
export const happened = (event: BaseEvent | DeployedEvent | GroupPausedEvent): number =>
  Date.parse(event.timestamp)

// A filter with a Date.
export const since: GroupFilter = { since: new Date(0) }

// A library that passes ours on: its declarations can name all types.
export const mine = DEFAULT_GROUP_CONFIG
export const mineToo = { budget: DEFAULT_BUDGET_CONFIG, concurrency: DEFAULT_CONCURRENCY_CONFIG }
export const session = DEFAULT_SESSION_CONFIG
export const ErrorClass = SessionGroupsError
export const fail = (message: string) => new ErrorClass(message, { code: 'IO' })
export class OwnError extends SessionGroupsError {}
