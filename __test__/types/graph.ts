// The dependency graph: it takes a group's sessions, or as little of them as it reads, and returns what it was given.

import {
  type BlockedSession,
  DependencyGraph,
  type GroupSession,
  type UnreachableSession,
} from 'session-groups'
import type { Claim, HasAny, Not, Same } from './check.js'

export type Claims = [
  Claim<Same<ReturnType<DependencyGraph['getReadySessions']>, readonly GroupSession[]>>,
  Claim<Same<ReturnType<DependencyGraph['getBlockedSessions']>, readonly BlockedSession[]>>,
  Claim<Same<ReturnType<DependencyGraph['unreachable']>, readonly UnreachableSession[]>>,
  Claim<Same<BlockedSession['session'], GroupSession>>,
  Claim<Same<BlockedSession['waitingOn'], readonly string[]>>,
  Claim<Same<UnreachableSession['because'], readonly string[]>>,
  Claim<Same<ReturnType<DependencyGraph['getCompleted']>, ReadonlySet<string>>>,
  Claim<Same<ReturnType<DependencyGraph['getFailed']>, ReadonlySet<string>>>,
  Claim<Same<ReturnType<DependencyGraph['getRemainingCount']>, number>>,
  Claim<Same<ReturnType<DependencyGraph['hasCycles']>, boolean>>,
  Claim<Same<ReturnType<DependencyGraph['waves']>, readonly (readonly string[])[]>>,
  Claim<Same<ReturnType<DependencyGraph['criticalPath']>, readonly string[]>>,
  Claim<Same<ReturnType<DependencyGraph['markStarted']>, void>>,
  Claim<Not<HasAny<DependencyGraph[Exclude<keyof DependencyGraph, 'getCompleted' | 'getFailed'>]>>>,
]

declare const sessions: readonly GroupSession[]
export const graph: DependencyGraph = new DependencyGraph(sessions)
graph.markCompleted(sessions[0]?.id ?? '')
graph.criticalPath()
graph.criticalPath(undefined)
graph.criticalPath({ api: 10 })
const durations: Record<string, number> = {}
graph.criticalPath(durations)

// Objects of the user's own come back with their own fields.
const steps = new DependencyGraph([{ id: 'a', dependsOn: [], status: 'pending', minutes: 5 }])
export const minutes: number[] = steps.getReadySessions().map((step) => step.minutes)
export const waiting: string[] = steps
  .unreachable()
  .map(({ session, because }) => `${session.minutes} ${because}`)

// The original's way to hold one.
export class Plan {
  private graph: DependencyGraph | null = null

  load(given: readonly GroupSession[]): readonly BlockedSession[] {
    this.graph = new DependencyGraph(given)
    return this.graph.getBlockedSessions()
  }
}

// @ts-expect-error The dependencies are required.
new DependencyGraph([{ id: 'a', status: 'pending' }])
// @ts-expect-error Sets are readonly.
graph.getCompleted().add('a')
// @ts-expect-error An id, not a session.
graph.markCompleted(sessions[0])
// @ts-expect-error An object, not a Map.
graph.criticalPath(new Map([['a', 1]]))
// @ts-expect-error Weights are numbers.
graph.criticalPath({ a: '1' })
