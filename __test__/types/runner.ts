// The runner: with our classes, the user's own, and the mocks of the original.

import {
  type AbortSignalLike,
  type ControlOptions,
  control,
  type ExecutionPlan,
  FileGroupRepository,
  type GroupContainer,
  type GroupFeedEvent,
  type GroupFeedEventMap,
  type GroupPausedEvent,
  type GroupProgress,
  type GroupRepository,
  GroupRunner,
  groupEvents,
  InMemoryGroupRepository,
  type ManagedProcess,
  type PauseReason,
  type RunnerState,
  type RunOptions,
  type SessionGroup,
} from 'session-groups'
import type { Claim, HasAny, Not, Same } from './check.js'

export type Claims = [
  Claim<Same<PauseReason, 'manual' | 'budget_exceeded' | 'error_threshold'>>,
  Claim<Same<RunnerState, 'idle' | 'running' | 'paused' | 'stopped' | 'completed'>>,
  Claim<Same<ReturnType<GroupRunner['run' | 'pause' | 'resume' | 'stop' | 'retry']>, Promise<void>>>,
  Claim<Same<ReturnType<GroupRunner['plan']>, Promise<ExecutionPlan>>>,
  Claim<Same<ReturnType<GroupRunner['getProgress']>, GroupProgress | null>>,
  Claim<Same<ReturnType<GroupRunner['getState']>, RunnerState>>,
  Claim<Same<ReturnType<GroupRunner['getPauseReason']>, PauseReason | null>>,
  Claim<Same<ReturnType<typeof control>, Promise<boolean>>>,
  Claim<Same<GroupFeedEventMap['group_paused'], GroupPausedEvent>>,
  Claim<Not<HasAny<RunOptions | ExecutionPlan | ControlOptions>>>,
]

// The original's mocks have private members and narrower types.

class MockClock {
  private time = new Date(0)

  now(): Date {
    return this.time
  }

  timestamp(): string {
    return this.time.toISOString()
  }

  advance(ms: number): void {
    this.time = new Date(this.time.getTime() + ms)
  }
}

class MockFileSystem {
  private readonly files = new Map<string, string>()

  async readFile(path: string): Promise<string> {
    return this.files.get(path) ?? ''
  }

  async writeFile(path: string, content: string): Promise<void> {
    this.files.set(path, content)
  }

  async exists(path: string): Promise<boolean> {
    return this.files.has(path)
  }

  async mkdir(_path: string, _options?: { recursive?: boolean }): Promise<void> {}
}

interface OriginalProcess {
  readonly pid: number
  readonly stdout: AsyncIterable<string>
  readonly stderr: AsyncIterable<string>
  readonly exitCode: Promise<number | null>
  kill(signal?: string): void
}

class MockProcessManager {
  private readonly history: string[] = []

  spawn(
    command: string,
    args: readonly string[],
    options?: {
      readonly cwd?: string
      readonly env?: Readonly<Record<string, string>>
      readonly stdin?: string
    },
  ): OriginalProcess {
    this.history.push([command, ...args, options?.cwd ?? ''].join(' '))
    return {
      pid: 1,
      stdout: (async function* (): AsyncGenerator<string> {})(),
      stderr: (async function* (): AsyncGenerator<string> {})(),
      exitCode: Promise.resolve(0),
      kill: () => {},
    }
  }

  async kill(_pid: number, _signal?: string): Promise<void> {}
}

interface OriginalEvents {
  session_started: { readonly type: 'session_started'; readonly sessionId: string }
  group_paused: { readonly type: 'group_paused'; readonly reason: PauseReason }
}

class OriginalEmitter {
  private readonly handlers = new Map<string, Set<(event: never) => void>>()

  on<Type extends keyof OriginalEvents>(type: Type, handler: (event: OriginalEvents[Type]) => void): void {
    this.handlers.set(type, (this.handlers.get(type) ?? new Set()).add(handler))
  }

  emit<Type extends keyof OriginalEvents>(type: Type, event: OriginalEvents[Type]): void {
    for (const handler of this.handlers.get(type) ?? []) handler(event as never)
  }
}

/** The original's container has more than the runner uses. */
interface Container {
  readonly clock: MockClock
  readonly processManager: MockProcessManager
  readonly fileSystem: MockFileSystem
  readonly groupRepository: GroupRepository
}

declare const container: Container
declare const own: GroupRepository
declare const given: GroupContainer
declare const group: SessionGroup
declare function start(args: string[], directory: string | undefined): ManagedProcess

export const runners = [
  new GroupRunner(undefined, new FileGroupRepository()),
  new GroupRunner({}, new InMemoryGroupRepository(), undefined),
  new GroupRunner(container, own, new OriginalEmitter()),
  new GroupRunner(given, own),
  new GroupRunner({ clock: new MockClock(), processManager: undefined }, own, { emit: () => true }),
  new GroupRunner({ processManager: { spawn: (_command, args, { cwd }) => start(args, cwd) } }, own),
]

export async function use(runner: GroupRunner, signal: AbortSignalLike): Promise<string> {
  await runner.run(group)
  await runner.run(group.id, {})
  await runner.run(group, {
    maxConcurrent: 2,
    respectDependencies: true,
    pauseOnError: false,
    errorThreshold: 5,
  })
  await runner.run(group, { resume: true, signal, only: ['a'], skip: undefined, seed: 1 })
  await runner.pause()
  await runner.pause('manual', { drain: true })
  await runner.resume({ budget: 5 })
  await runner.stop({ now: true })
  await runner.retry('a', { sessions: ['b'], fresh: true })
  const { waves, sessions, estimatedMs } = await runner.plan(group, { maxConcurrent: 1 })
  const share: number | undefined = sessions[0]?.shareUsd
  runner
    .on('group_session_completed', ({ sessionId, status, costUsd }) => [sessionId, status, costUsd])
    .once('session_adopted', async ({ sessionId }) => void sessionId)
    .off('group_paused', () => {})
  const handler = (event: GroupFeedEventMap[GroupFeedEvent['type']]): string => event.type
  runner.on('group_started', handler)
  const hasActed: boolean = await control(own, 'a', 'resume', { budget: 5, reason: 'more money', by: 'me' })
  for await (const event of groupEvents(own, 'a', { after: 3, follow: true }))
    if (event.type === 'feed_gap') break
  return `${waves.length} ${share} ${estimatedMs} ${hasActed} ${runner.getProgress()?.totalCost}`
}

export async function misuse(runner: GroupRunner): Promise<void> {
  // @ts-expect-error There is no group without an id.
  await runner.run()
  // @ts-expect-error A misspelt option.
  await runner.run('a', { maxConcurent: 1 })
  // @ts-expect-error No such reason.
  await runner.pause('tired')
  // @ts-expect-error No such event.
  runner.on('group_exploded', () => {})
  // @ts-expect-error Events of this type have no session.
  runner.on('group_started', ({ sessionId }) => sessionId)
  // @ts-expect-error No such request.
  await control(own, 'a', 'restart')
  // @ts-expect-error There may be no progress yet.
  runner.getProgress().totalCost
  // @ts-expect-error A clock has a method.
  new GroupRunner({ clock: {} }, own)
  // @ts-expect-error A repository is needed.
  new GroupRunner({})
}
