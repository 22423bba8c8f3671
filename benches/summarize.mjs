// The fields of a `GroupSummary`, computed in plain JavaScript.

export function summarize(group) {
  const { id, name, slug, status, createdAt, updatedAt, sessions, config } = group
  const count = (...statuses) => sessions.filter((session) => statuses.includes(session.status)).length
  const sum = (pick) => sessions.reduce((total, session) => total + (pick(session) ?? 0), 0)
  return {
    ...{ id, name, slug, status, createdAt, updatedAt },
    totalSessions: sessions.length,
    completed: count('completed'),
    running: count('active'),
    pending: count('pending', 'paused'),
    failed: count('failed'),
    totalCost: sum(({ cost }) => cost),
    totalTokens: {
      input: sum(({ tokens }) => tokens?.input),
      output: sum(({ tokens }) => tokens?.output),
      cacheRead: sum(({ tokens }) => tokens?.cacheRead),
      cacheWrite: sum(({ tokens }) => tokens?.cacheWrite),
    },
    maxBudgetUsd: config.maxBudgetUsd,
  }
}
