// Stands in for a test where a benchmark uses what tests share: what is not so ends it.

export const loud = {
  comment: (text: string) => console.error(text),
  equal(found: unknown, wanted: unknown, what: string) {
    if (found !== wanted) throw new Error(`not so: ${what}: ${String(found)}`)
  },
}
