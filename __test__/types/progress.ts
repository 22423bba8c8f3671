// Progress, budgets, the status functions and the stream of a session.

import {
  ClaudeStream,
  type ClaudeStreamOptions,
  calculateBudgetUsage,
  type canResumeGroup,
  createSessionProgress,
  type GroupProgress,
  type GroupSession,
  type GroupStatus,
  InMemoryGroupRepository,
  isActiveGroup,
  type isBudgetExceeded,
  type isBudgetWarning,
  type isTerminalGroupStatus,
  ProgressAggregator,
  type SessionGroup,
  type SessionProgress,
  type TokenUsage,
} from 'session-groups'
import type { Claim, HasAny, Not, Same } from './check.js'

type Summary = ReturnType<ProgressAggregator['summary']>

export type Claims = [
  Claim<Same<ReturnType<typeof createSessionProgress>, SessionProgress>>,
  Claim<Same<ReturnType<typeof calculateBudgetUsage>, number>>,
  Claim<Same<ReturnType<typeof isBudgetWarning>, boolean>>,
  Claim<Same<ReturnType<typeof isBudgetExceeded>, boolean>>,
  Claim<Same<ReturnType<typeof isTerminalGroupStatus>, boolean>>,
  Claim<Same<Parameters<typeof isTerminalGroupStatus>[0], GroupStatus>>,
  Claim<Same<ReturnType<ProgressAggregator['getSessionProgress']>, SessionProgress | undefined>>,
  Claim<Same<ReturnType<ProgressAggregator['getAllSessions']>, readonly SessionProgress[]>>,
  Claim<Same<ReturnType<ProgressAggregator['computeProgress']>, GroupProgress>>,
  Claim<Same<ReturnType<ProgressAggregator['clear']>, void>>,
  Claim<Same<Summary['totalTokens'], TokenUsage>>,
  Claim<Same<Summary['completed' | 'running' | 'pending' | 'failed' | 'totalCost'], number>>,
  Claim<Same<Summary['elapsedTime'], number | undefined>>,
  Claim<Same<Summary, Readonly<Summary>>>,
  Claim<Same<ConstructorParameters<typeof ProgressAggregator>[0], number | undefined>>,
  Claim<
    Same<
      ConstructorParameters<typeof ClaudeStream>,
      [session: GroupSession, options?: ClaudeStreamOptions | undefined]
    >
  >,
  Claim<Same<ClaudeStream['warning'], string | undefined>>,
  Claim<Same<ClaudeStream['deniedTools'], readonly string[]>>,
  Claim<Same<ReturnType<ClaudeStream['push']>, boolean>>,
  Claim<Same<ReturnType<ClaudeStream['end']>, void>>,
  Claim<Same<ClaudeStream['progress'], SessionProgress>>,
  Claim<Same<ClaudeStream['error'], string | undefined>>,
  Claim<Same<ClaudeStream['ignoredLines'], number>>,
  Claim<Not<HasAny<typeof createSessionProgress>>>,
  Claim<Not<HasAny<typeof calculateBudgetUsage | typeof isBudgetWarning | typeof isBudgetExceeded>>>,
  Claim<Not<HasAny<typeof isTerminalGroupStatus | typeof canResumeGroup | typeof isActiveGroup>>>,
  Claim<Not<HasAny<Summary>>>,
  Claim<Not<HasAny<ProgressAggregator[keyof ProgressAggregator]>>>,
  Claim<Not<HasAny<ClaudeStream[keyof ClaudeStream]>>>,
]

export async function follow(group: SessionGroup, session: GroupSession, chunk: Uint8Array): Promise<number> {
  const aggregator = new ProgressAggregator()
  const repository = new InMemoryGroupRepository()
  const stream = new ClaudeStream(session)
  if (stream.push(chunk) || stream.push('{}\n')) aggregator.updateSession(stream.progress)
  stream.end()
  stream.end(undefined)
  stream.end({ code: 0 })
  stream.end({ code: null, signal: 'SIGTERM' })
  stream.end({ code: 1, signal: null })
  stream.end({ code: 1, signal: undefined })
  await repository.updateSession(group.id, session.id, stream.changes)
  aggregator.removeSession(session.id)
  aggregator.clear()
  return calculateBudgetUsage(aggregator.summary().totalCost, group.config.maxBudgetUsd)
}

export const aggregators = [
  new ProgressAggregator(),
  new ProgressAggregator(undefined),
  new ProgressAggregator(Date.now()),
]

declare const session: GroupSession
const stream = new ClaudeStream(session)
const aggregator = new ProgressAggregator()

// @ts-expect-error Only the stream sets it.
stream.progress = createSessionProgress(session)
// @ts-expect-error Only the stream sets it.
stream.ignoredLines = 0
// @ts-expect-error The id of a session never changes.
stream.changes.id
// @ts-expect-error Fields are readonly.
stream.changes.status = 'failed'
// @ts-expect-error Text or bytes.
stream.push(1)
// @ts-expect-error The code is required.
stream.end({ signal: 'SIGTERM' })
// @ts-expect-error There may be none.
aggregator.getSessionProgress('a').cost
// @ts-expect-error Arrays are readonly.
aggregator.getAllSessions().push(createSessionProgress(session))
// @ts-expect-error A session is no progress.
aggregator.updateSession(session)
// @ts-expect-error A status, not any string.
isActiveGroup('in_progress')
// @ts-expect-error Two numbers.
calculateBudgetUsage(1)
// @ts-expect-error Classes are made with `new`.
ProgressAggregator()
