// Plays operations in one directory by several processes, one operation after another.

import { Actor, type Reply } from '../actor.js'
import { num, str } from '../request-words.js'
import { comparable, statRecord, timeText } from '../stat-record.js'
import { OTHER, USER } from '../stage.js'
import type { Call, Operation } from './operation.js'

/** The processes of a run: the last one is an ordinary user's. */
export const processCount = 4
const callMs = 20_000
const groups = Buffer.from(new Uint32Array([OTHER]).buffer).toString('hex')

export class OperationPlayer {
  readonly #actors: Actor[] = []
  readonly #slots: Map<string, number>[] = []

  /** Works in `dir`, which is there. */
  static async start(dir: string): Promise<OperationPlayer> {
    const player = new OperationPlayer()
    for (let who = 0; who < processCount; who++) {
      const actor = new Actor()
      player.#actors.push(actor)
      player.#slots.push(new Map())
      const user = num(USER)
      const become = [`setgroups n1 b${groups}`, `setresgid ${user} ${user} ${user}`]
      become.push(`setresuid ${user} ${user} ${user}`)
      const first = [`chdir ${str(dir)}`, ...(who === processCount - 1 ? become : [])]
      for (const words of first) {
        const { errno } = await actor.request(words, callMs)
        if (errno !== '') throw new Error(`${words}: ${errno}`)
      }
    }
    return player
  }

  /** One line a call: what came of it. */
  async play(operation: Operation): Promise<string[]> {
    const actor = this.#actors[operation.who]
    const slots = this.#slots[operation.who]
    if (!actor || !slots) throw new Error(`there is no process ${operation.who}`)
    const lines: string[] = []
    for (const call of operation.calls) {
      // An empty slot is a descriptor that is not open, and an address where nothing is.
      const words = call.words.replace(/\$(\w+)(?:\+(\d+))?/g, (_, slot: string, more = '0') => {
        return num((slots.get(slot) ?? -1) + Number(more))
      })
      const reply = await actor.request(words, callMs)
      // Another slot may get this number next.
      const closed = /^close \$(\w+)$/.exec(call.words)?.[1]
      if (closed !== undefined) slots.delete(closed)
      if (call.into !== undefined) {
        const old = slots.get(call.into)
        const isOpen = words.startsWith('openat ')
        if (!isOpen || reply.value >= 0) slots.set(call.into, reply.value)
        if (isOpen && reply.value >= 0 && old !== undefined) {
          await actor.request(`close ${num(old)}`, callMs)
        }
      }
      lines.push(reply.errno === '' ? resultLine(call, reply) : reply.errno)
    }
    return lines
  }

  async end(): Promise<void> {
    await Promise.all(this.#actors.map((actor) => actor.end()))
  }
}

/** A time within these is one of now; others were set. */
const recent = [1_600_000_000n, 4_000_000_000n] as const

function resultLine({ compared }: Call, reply: Reply): string {
  const memory = reply.out[0] ?? Buffer.alloc(0)
  if (compared === 'errno') return 'done'
  if (compared === 'all') return [reply.value, ...reply.text].join(' ')
  if (compared === 'entries') return entries(memory).toSorted().join(' ')
  if (compared === 'names') return memory.toString('latin1').split('\0').toSorted().join(' ')
  const stat = statRecord(memory)
  const isNow = stat.mtime.sec > recent[0] && stat.mtime.sec < recent[1]
  // Writing to a FIFO of a FUSE mount changes no time: the kernel does it without asking.
  if (stat.type === 'fifo') return comparable(stat)
  return `${comparable(stat)} mtime ${isNow ? 'now' : timeText(stat.mtime)}`
}

function entries(raw: Buffer): string[] {
  const found: string[] = []
  // struct linux_dirent64: inode, offset, length, type, name.
  for (let at = 0; at < raw.length; at += raw.readUInt16LE(at + 16)) {
    const name = raw.toString('latin1', at + 19, raw.indexOf(0, at + 19))
    found.push(`${name}:${raw.readUInt8(at + 18)}`)
  }
  return found
}
