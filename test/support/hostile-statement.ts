// Statements of a stream that means harm, in an assertion that is for every copy: of what the other
// messages make, and of what leads out of it.

import { content, codecs, dataKind, encodeNames, encodeXattrs, limits } from '#wire'
import type { Body, Codec, MessageName } from '#wire'
import type { Random } from './random.js'

type Statement = Extract<MessageName, `assert-${string}`>

const none = Buffer.alloc(0)
const out = Buffer.alloc(limits.messageSizeMax)
const modes = [0o100644, 0o100644, 0o100644, 0o104755, 0o120777, 0o010600, 0o020666, 0o140600]
const allNames = ['a', 'b', 'f', 'g', 'n', 'evil', 'out', 'victim', 'sub']
const sizeMax = 60_000

const pick = <T>(rng: Random, list: readonly T[]): T => list[rng.next(list.length)] as T

/** An unsealed message; symlinks lead to `targets`, and `paths` gives the places. */
export function hostileStatement(
  rng: Random,
  targets: readonly string[],
  path: () => Buffer,
): Buffer {
  const attributes = () => ({
    uid: rng.next(3),
    gid: rng.next(3),
    mtimeSec: rng.next(2 ** 31),
    mtimeNsec: rng.next(1e9),
    xattrs: listOf(rng, ['user.a', 'user.b', 'trusted.c', 'user.rsync.%stat'], (names) =>
      encodeXattrs(names.map((name) => ({ name, value: Buffer.from('value') }))),
    ),
  })
  const bytes = () => Buffer.alloc(rng.next(3000), 'stated')
  const file = (): Body<'assert-file'> => {
    const mode = pick(rng, modes)
    const kind = rng.next(4)
    const data = kind === content.HERE ? bytes() : kind === content.HASH ? Buffer.alloc(32) : none
    const isRegular = mode >> 12 === 8
    const size = kind === content.HERE ? data.length : rng.next(sizeMax)
    return {
      id: 0,
      path: path(),
      mode,
      ...attributes(),
      major: rng.next(3),
      minor: rng.next(9),
      size: isRegular ? size : 0,
      group: rng.next(3),
      content: kind,
      linkOf: rng.next(4) ? none : path(),
      target: mode >> 12 === 10 ? Buffer.from(pick(rng, targets)) : none,
      data,
    }
  }
  const data = (): Body<'assert-data'> => {
    const kind = rng.next(3)
    const said = Buffer.concat([Buffer.alloc(1), bytes()])
    return {
      id: 0,
      path: path(),
      offset: rng.next(sizeMax),
      length: kind === dataKind.DATA ? said.length : 1 + rng.next(sizeMax),
      kind,
      data: kind === dataKind.DATA ? said : kind === dataKind.HASH ? Buffer.alloc(32) : none,
    }
  }
  const directory = (): Body<'assert-dir'> => ({
    id: 0,
    path: rng.next(9) ? path() : none,
    mode: rng.next(0o10000),
    ...attributes(),
    after: none,
    upto: rng.next(3) ? none : Buffer.from(pick(rng, allNames)),
    names: listOf(rng, allNames, (names) =>
      encodeNames(names.map((name) => ({ name, type: pick(rng, modes) }))),
    ),
  })
  const makers: Record<Statement, () => object> = {
    'assert-begin': () => ({
      id: 0,
      depth: rng.next(2),
      form: 0,
      offset: 0,
      length: 0,
      path: rng.next(2) ? none : path(),
    }),
    'assert-end': () => ({ id: 0, errno: rng.next(3) }),
    'assert-absent': () => ({ id: 0, path: path() }),
    'assert-dir': directory,
    'assert-file': file,
    'assert-data': data,
  }
  const name = pick(rng, Object.keys(makers) as Statement[])
  const size = (codecs[name] as Codec).encode(out, makers[name]() as Body)
  return Buffer.from(out.subarray(0, size))
}

/** Some of the names, in their order. */
function listOf(
  rng: Random,
  names: readonly string[],
  encode: (names: Buffer[]) => Buffer,
): Buffer {
  return encode(
    names
      .filter(() => rng.next(2))
      .toSorted()
      .map((name) => Buffer.from(name)),
  )
}
