// Random operations on mapped files.

import { flagWord, openFlags } from '../flags.js'
import { at, hashed, num, pattern, shown } from '../request-words.js'
import { call, fstat, opened } from './operation-calls.js'
import type { OperationKind } from './random-operations.js'

const mapSize = 8192
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MS_SYNC = 4

/** Mapped memory: stored and at once forced to the file, because when it goes by itself is open. */
export const mapping: OperationKind[] = [
  {
    weight: 2,
    make: (x) => {
      const [i, path] = [x.map(), x.path('file')]
      const [map, fd] = [`$map${i}`, `$mapped${i}`]
      const flags = num(flagWord(openFlags, 'RDWR|CREAT|NONBLOCK'))
      const words = `mmap n0 ${num(mapSize)} ${num(PROT_READ_WRITE)} ${num(MAP_SHARED)} ${fd} n0`
      const calls = [
        call(`munmap ${map} ${num(mapSize)}`, 'errno'),
        opened(`openat ${at(path)} ${flags} n438`, `mapped${i}`),
        opened(words, `map${i}`),
        fstat(fd),
      ]
      return { show: `${map} = mmap ${shown(path)}`, calls }
    },
  },
  {
    weight: 5,
    make: (x) => {
      const i = x.map()
      const [map, fd, offset, size] = [`$map${i}`, `$mapped${i}`, 4096 * x.next(2), x.next(4096)]
      // The file is made to reach to the map's end: what is stored behind a file's end is lost.
      const calls = [
        call(`fallocate ${fd} n0 n0 ${num(mapSize)}`),
        call(`poke ${map}+${offset} ${pattern(size, x.seed())}`),
        call(`msync ${map} ${num(mapSize)} ${num(MS_SYNC)}`),
        fstat(fd),
      ]
      return { show: `store ${size} in ${map} at ${offset}`, calls }
    },
  },
  {
    weight: 3,
    make: (x) => {
      const map = `$map${x.map()}`
      return { show: `load ${map}`, calls: [call(`peek ${map} ${hashed(4096)}`)] }
    },
  },
]
