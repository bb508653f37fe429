// Amounts in words, alike wherever they are said.

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function shownBytes(n: number): string {
  const power = n < 1 ? 0 : Math.min(4, Math.floor(Math.log2(n) / 10))
  return `${(n / 1024 ** power).toFixed(power ? 1 : 0)} ${units[power]}`
}

/** What a comparison has found. */
export function shownDifferences(n: number, repaired = false): string {
  if (n === 0) return 'no difference'
  return `${n} ${n === 1 ? 'difference' : 'differences'}${repaired ? ', repaired' : ''}`
}
