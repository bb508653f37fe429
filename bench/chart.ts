// The comparison as a picture: for each work a bar a target, as long as its time is to the peer's.

import type { Row } from './report.js'

const width = 820
const labelWidth = 250
const barHeight = 12
const gap = 10
/** The ratio at the right edge; longer bars are cut there. */
const ratioMax = 4
const colours = ['#9aa5b1', '#d9822b', '#c4a35a', '#b5651d', '#1f7a8c', '#0b4f6c']

/** An SVG image of `rows`, which come work by work. */
export function chart(rows: readonly Row[]): string {
  const works = [...new Set(rows.map(({ workload }) => workload))]
  const targets = [...new Set(rows.map(({ target }) => target))]
  const colourOf = (target: string) => colours[targets.indexOf(target) % colours.length]!
  const parts: string[] = []
  let y = 24
  for (const [i, target] of targets.entries()) {
    const x = 8 + (i % 3) * 270
    const at = y + Math.floor(i / 3) * 18
    parts.push(rect(x, at - 10, 10, colourOf(target)), text(x + 16, at, target))
  }
  y += Math.ceil(targets.length / 3) * 18 + gap
  const scale = (width - labelWidth - 60) / ratioMax
  const top = y
  for (const work of works) {
    const own = rows.filter(({ workload }) => workload === work)
    parts.push(text(8, y + (own.length * barHeight) / 2 + 4, work))
    for (const { target, toPeer } of own) {
      const length = Math.max(1, Math.min(toPeer, ratioMax) * scale)
      parts.push(rect(labelWidth, y, length, colourOf(target), barHeight - 2))
      parts.push(text(labelWidth + length + 4, y + barHeight - 3, toPeer.toFixed(2), 10))
      y += barHeight
    }
    y += gap
  }
  const one = labelWidth + scale
  parts.push(`<line x1="${one}" y1="${top}" x2="${one}" y2="${y}" stroke="#333" />`)
  parts.push(text(8, y + 14, 'time, as a ratio to the better FUSE peer; shorter is faster'))
  const size = `width="${width}" height="${y + 24}" viewBox="0 0 ${width} ${y + 24}"`
  const style = 'font-family="sans-serif" font-size="12"'
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${style}>\n${parts.join('\n')}\n</svg>\n`
}

const rect = (x: number, y: number, w: number, fill: string, h = 10) =>
  `<rect x="${x}" y="${y}" width="${w.toFixed(1)}" height="${h}" fill="${fill}" />`

const text = (x: number, y: number, what: string, size = 12) =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}">${escaped(what)}</text>`

const escaped = (what: string) => what.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
