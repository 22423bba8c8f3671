// Shows progress: redrawn in place on a terminal, as plain lines in a file.

const MARKS = { pending: '○', active: '●', paused: '‖', completed: '✓', failed: '✗' }
const COLORS = { active: 36, paused: 33, completed: 32, failed: 31 }

export const dollars = (amount) => `$${amount.toFixed(4)}`
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`

export function tokens({ input, output, cacheRead = 0, cacheWrite = 0 }) {
  const sum = input + output + cacheRead + cacheWrite
  return sum < 1000 ? `${sum} tokens` : `${(sum / 1000).toFixed(1)}k tokens`
}

export function bar(done, total, width = 12) {
  const filled = total === 0 ? width : Math.round((done / total) * width)
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}

/** Describes the progress of a session in one line. */
export function sessionLine({ id, status, cost, tokens: used, messageCount, currentTool, durationMs }) {
  const parts = [`${MARKS[status]} ${id.padEnd(18)} ${status.padEnd(9)}`]
  if (cost > 0 || messageCount > 0) parts.push(dollars(cost).padEnd(8), tokens(used).padEnd(13))
  if (currentTool !== undefined) parts.push(`runs ${currentTool}`)
  else if (status === 'completed' && durationMs !== undefined) parts.push(seconds(durationMs))
  return parts.join(' ')
}

/** Describes the progress of a group in one line. */
export function groupLine(
  { completed, failed, running, totalSessions, totalCost, totalTokens, ...progress },
  budget,
) {
  const parts = [`${bar(completed + failed, totalSessions)} ${completed}/${totalSessions} done`]
  if (running > 0) parts.push(`${running} running`)
  if (failed > 0) parts.push(`${failed} failed`)
  parts.push(`${dollars(totalCost)} of $${budget}`, tokens(totalTokens))
  const left = progress.estimatedTimeRemaining
  if (left !== undefined && left > 0) parts.push(`about ${seconds(left)} left`)
  return parts.join(' · ')
}

/** Redraws lines in place. */
export class Screen {
  #height = 0
  #colors = process.stdout.isTTY && !process.env.NO_COLOR

  draw(lines) {
    const width = process.stdout.columns ?? 80
    const text = lines.map((line) => `\x1b[2K${this.#color(line.slice(0, width - 1))}\n`).join('')
    process.stdout.write((this.#height > 0 ? `\x1b[${this.#height}A` : '\x1b[?25l') + text)
    this.#height = lines.length
  }

  /** Shows the cursor again. */
  close() {
    if (this.#height > 0) process.stdout.write('\x1b[?25h')
  }

  #color(line) {
    const status = Object.keys(COLORS).find((name) => line.startsWith(MARKS[name]))
    return this.#colors && status ? `\x1b[${COLORS[status]}m${line}\x1b[0m` : line
  }
}

/** Shows a group while it runs. */
export function createView(budget) {
  const screen = process.stdout.isTTY ? new Screen() : undefined
  const lastState = new Map()
  const onInterrupt = () => {
    screen?.close()
    process.exit(130)
  }
  process.once('SIGINT', onInterrupt)
  return {
    show(progress, sessions) {
      if (screen) return screen.draw([groupLine(progress, budget), '', ...sessions.map(sessionLine)])
      // A file gets a line only when the status or the tool of a session has changed.
      for (const session of sessions) {
        const state = `${session.status} ${session.currentTool ?? ''}`
        if (lastState.get(session.id) === state) continue
        if (lastState.has(session.id)) console.log(`${sessionLine(session)} | ${groupLine(progress, budget)}`)
        lastState.set(session.id, state)
      }
    },
    close() {
      process.off('SIGINT', onInterrupt)
      screen?.close()
    },
  }
}
