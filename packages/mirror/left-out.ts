// What a mirror was not allowed to do, or not able to as the user it is: counted, said once when it
// first happens, and summed up at the end.

export type LeftOutKind = 'owners' | 'set-id bits' | 'devices' | 'extended attributes'

const why: Readonly<Record<LeftOutKind, string>> = {
  owners:
    'owners stay as they are, since only root can give files away (--ids says what else to do)',
  'set-id bits': 'set-user-ID, set-group-ID and sticky bits are left out',
  devices: 'device nodes are left out',
  'extended attributes': 'some extended attributes are left out',
}

export class LeftOut {
  readonly #counts = new Map<LeftOutKind, number>()
  readonly #say: (line: string) => void

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  add(kind: LeftOutKind): void {
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    if (count === 1) this.#say(why[kind])
  }

  get counts(): ReadonlyMap<LeftOutKind, number> {
    return this.#counts
  }
}
