// Reads abi-vectors.txt.

import { readFileSync } from 'node:fs'

export interface Vector {
  size: number
  bytes: Buffer
  values: Record<string, number>
}

export function readVectors(): Map<string, Vector> {
  const file = new URL('../../../test/fuse/abi-vectors.txt', import.meta.url)
  const vectors = new Map<string, Vector>()
  let vector: Vector | undefined
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [first, second, third] = line.trim().split(/\s+/u)
    if (!line.startsWith(' ')) {
      vector = { size: Number(second), bytes: Buffer.alloc(0), values: {} }
      vectors.set(first!, vector)
    } else {
      vector!.bytes = Buffer.concat([vector!.bytes, Buffer.from(first!, 'hex')])
      vector!.values[second!] = Number(third)
    }
  }
  return vectors
}
