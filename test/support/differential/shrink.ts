// Takes out of a list of operations what its failure does not need: halves, quarters, and so on.

/** The shortest list found for which `fails` still resolves to true, in at most `triesMax` tries
 * and about `timeMs`. */
export async function shrink<T>(
  list: readonly T[],
  fails: (list: readonly T[]) => Promise<boolean>,
  { triesMax, timeMs }: { triesMax: number; timeMs: number },
): Promise<readonly T[]> {
  const deadline = performance.now() + timeMs
  let tries = 0
  let kept = list
  for (let size = Math.ceil(list.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < kept.length;) {
      if (++tries > triesMax || performance.now() > deadline) return kept
      const fewer = [...kept.slice(0, from), ...kept.slice(from + size)]
      if (fewer.length > 0 && (await fails(fewer))) kept = fewer
      else from += size
    }
  }
  return kept
}
