// Numbers that look random and come again with the same seed (mulberry32).

export interface Random {
  /** A whole number from 0 to `limit - 1`. */
  readonly next: (limit: number) => number
}

export function random(seed: number): Random {
  let state = seed >>> 0
  return {
    next(limit) {
      state = (state + 0x6d2b79f5) >>> 0
      let n = Math.imul(state ^ (state >>> 15), state | 1)
      n ^= n + Math.imul(n ^ (n >>> 7), n | 61)
      return Math.floor((((n ^ (n >>> 14)) >>> 0) / 0x100000000) * limit)
    },
  }
}
