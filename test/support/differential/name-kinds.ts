// Random operations on names.

import { atFlags, flagWord, openFlags, renameFlags } from '../flags.js'
import { at, got, num, shown, str } from '../request-words.js'
import { call, fstat, listed, onPath, onTwo, opened, place } from './operation-calls.js'
import type { OperationKind } from './random-operations.js'

export const naming: OperationKind[] = [
  {
    weight: 8,
    make: (x) => {
      const [path, mode] = [x.path('dir'), x.mode()]
      return onPath(`mkdir ${mode.toString(8)}`, path, `mkdirat ${place(x, path)} ${num(mode)}`)
    },
  },
  {
    weight: 2,
    make: (x) => {
      const path = x.path('dir')
      return onPath('rmdir', path, `unlinkat ${place(x, path)} ${num(atFlags.REMOVEDIR)}`)
    },
  },
  {
    weight: 6,
    make: (x) => {
      const path = x.path('file')
      return onPath('unlink', path, `unlinkat ${place(x, path)} n0`)
    },
  },
  {
    weight: 12,
    make: (x) => {
      const kind = x.of(['any', 'file', 'dir'] as const)
      const [from, to] = [x.path(kind), x.path(kind)]
      const flags = x.of(['', '', '', 'NOREPLACE', 'EXCHANGE'])
      const words = `renameat2 ${place(x, from)} ${place(x, to)}`
      return onTwo(`rename ${flags}`, from, to, `${words} ${num(flagWord(renameFlags, flags))}`)
    },
  },
  {
    weight: 7,
    make: (x) => {
      const [from, to] = [x.path('file'), x.path('file')]
      const flags = x.oneIn(4) ? atFlags.SYMLINK_FOLLOW : 0
      return onTwo('link', from, to, `linkat ${place(x, from)} ${place(x, to)} ${num(flags)}`)
    },
  },
  {
    weight: 4,
    make: (x) => {
      const [fd, to] = [x.fd(), x.path('file')]
      const words = `linkat ${fd} ${str('')} ${at(to)} ${num(atFlags.EMPTY_PATH)}`
      return onPath(`link ${fd}`, to, words)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const path = x.path('file')
      const target = x.of(['a', 'd', 'd/b', '../c', '../e', 'e/x y', 'nowhere'])
      return onPath(`symlink ${target}`, path, `symlinkat ${str(target)} ${place(x, path)}`)
    },
  },
  {
    weight: 2,
    make: (x) => {
      const path = x.path('file')
      return onPath('readlink', path, `readlinkat ${at(path)} ${got(100)} n100`)
    },
  },
  {
    weight: 1,
    make: (x) => {
      const path = x.path('file')
      // A FIFO, a socket, and /dev/null's numbers.
      const [mode, device] = x.of([
        [0o010644, 0],
        [0o140666, 0],
        [0o020666, 0x103],
      ] as const)
      return onPath('mknod', path, `mknodat ${place(x, path)} ${num(mode)} ${num(device)}`)
    },
  },
  {
    weight: 4,
    make: (x) => {
      const path = x.oneIn(4) ? '.' : x.path('dir')
      const flags = num(flagWord(openFlags, 'RDONLY|DIRECTORY'))
      const calls = [
        opened(`openat ${at(path)} ${flags} n0`, 'listed'),
        listed('$listed'),
        listed('$listed'),
        fstat('$listed'),
        call('close $listed'),
      ]
      return { show: `list ${shown(path)}`, calls }
    },
  },
]
