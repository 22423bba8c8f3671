// Describes the progress of a session, and redraws lines on a terminal.

const MARKS = { pending: '○', active: '●', paused: '‖', completed: '✓', failed: '✗' }
const COLORS = { active: 36, paused: 33, completed: 32, failed: 31 }

const dollars = (amount) => `$${amount.toFixed(4)}`
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`

function tokens({ input, output, cacheRead = 0, cacheWrite = 0 }) {
  const sum = input + output + cacheRead + cacheWrite
  return sum < 1000 ? `${sum} tokens` : `${(sum / 1000).toFixed(1)}k tokens`
}

/** Describes the progress of a session in one line. */
export function sessionLine({ id, status, cost, tokens: used, messageCount, currentTool, durationMs }) {
  const parts = [`${MARKS[status]} ${id.padEnd(18)} ${status.padEnd(9)}`]
  if (cost > 0 || messageCount > 0) parts.push(dollars(cost).padEnd(8), tokens(used).padEnd(13))
  if (currentTool !== undefined) parts.push(`runs ${currentTool}`)
  else if (status === 'completed' && durationMs !== undefined) parts.push(seconds(durationMs))
  return parts.join(' ')
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
