// Draws a line chart with logarithmic axes, as an SVG that follows the reader's colour scheme.

const SIZE = { width: 810, height: 430, left: 70, right: 300, top: 30, bottom: 50 }
const COLOURS = ['#4269d0', '#e0912f', '#d64545', '#2f9e8f', '#8a5fb4', '#808080']

/**
 * Returns the SVG. `series` maps the name of each line to its points `[x, y]`. Lines whose names are equal up to the last
 * comma share a colour.
 */
export function chart(xAxis, yAxis, series) {
  const points = [...series.values()].flat()
  const x = scale(
    points.map(([x]) => x),
    SIZE.left,
    SIZE.width - SIZE.right,
  )
  const y = scale(
    points.map(([, y]) => y),
    SIZE.height - SIZE.bottom,
    SIZE.top,
  )
  const kinds = [...new Set([...series.keys()].map(kindOf))]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img">
<title>${yAxis} by ${xAxis}</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #444 }
.grid { stroke: #8884; stroke-width: 1 }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #ccc } }
</style>
${x.ticks.map((value) => gridLine(x.at(value), SIZE.top, x.at(value), SIZE.height - SIZE.bottom)).join('\n')}
${y.ticks.map((value) => gridLine(SIZE.left, y.at(value), SIZE.width - SIZE.right, y.at(value))).join('\n')}
${x.ticks.map((value) => text(x.at(value), SIZE.height - SIZE.bottom + 18, 'middle', label(value))).join('\n')}
${y.ticks.map((value) => text(SIZE.left - 8, y.at(value) + 4, 'end', label(value))).join('\n')}
${text((SIZE.left + SIZE.width - SIZE.right) / 2, SIZE.height - 10, 'middle', xAxis)}
${text(SIZE.left - 8, SIZE.top - 6, 'end', yAxis === 'milliseconds' ? 'ms' : yAxis)}
${[...series].map(([name, points], index) => line(name, points, index)).join('\n')}
</svg>
`

  function line(name, points, index) {
    const colour = COLOURS[kinds.indexOf(kindOf(name)) % COLOURS.length]
    const dash = name.endsWith('Bun') ? ' stroke-dasharray="6 4"' : ''
    const path = points.map(([px, py]) => `${round(x.at(px))},${round(y.at(py))}`).join(' ')
    const legend = SIZE.top + 10 + index * 20
    const start = SIZE.width - SIZE.right + 16
    return `<polyline class="line" stroke="${colour}"${dash} points="${path}"/>
<line class="line" stroke="${colour}"${dash} x1="${start}" y1="${legend}" x2="${start + 28}" y2="${legend}"/>
${text(start + 36, legend + 4, 'start', name)}`
  }
}

const kindOf = (name) => name.slice(0, name.lastIndexOf(','))

/** Maps the powers of ten that enclose all values to the range `from`..`to`. */
function scale(values, from, to) {
  const lowest = Math.floor(Math.log10(Math.min(...values)))
  const highest = Math.max(lowest + 1, Math.ceil(Math.log10(Math.max(...values))))
  const at = (value) => from + ((Math.log10(value) - lowest) / (highest - lowest)) * (to - from)
  const ticks = Array.from({ length: highest - lowest + 1 }, (_, index) => 10 ** (lowest + index))
  return { at, ticks }
}

const round = (number) => Math.round(number * 10) / 10
const label = (value) => (value < 1 ? String(Number(value.toPrecision(1))) : value.toLocaleString('en'))
const text = (x, y, anchor, content) =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${content}</text>`
const gridLine = (x1, y1, x2, y2) =>
  `<line class="grid" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
