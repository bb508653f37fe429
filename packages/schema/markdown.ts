// Markdown as prettier has it: tables with columns of equal width, paragraphs filled.

const columnsMax = 100

/** `rows` of cells under `head`. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = head.map((_, i) => Math.max(3, ...cells.map((row) => row[i]!.length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(cells[0]!), rule, ...cells.slice(1).map(line)].join('\n')
}

/** `text` with its paragraphs filled anew; tables, titles, lists and code stay as they are. */
export const filled = (text: string): string =>
  text
    .split('\n\n')
    .map((block) => (/^(\||#|```|\d+\.)/.test(block) ? block : filledParagraph(block)))
    .join('\n\n')

function filledParagraph(text: string): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.trim().split(/\s+/)) {
    if (line && line.length + 1 + word.length > columnsMax) {
      lines.push(line)
      line = word
    } else line = line ? `${line} ${word}` : word
  }
  return [...lines, line].join('\n')
}
