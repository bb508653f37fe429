// Extended attributes, on paths, on symbolic links themselves and on descriptors; POSIX ACLs.

import type { Reply } from './actor.js'
import { FileCalls } from './file-calls.js'
import { bytes, got, nameBytes, num, shown, str, type Name } from './request-words.js'
import { dataText } from './transcript.js'

/** A path, a path whose last symbolic link is not followed, or a descriptor. */
export type XattrTarget = Name | { nofollow: Name } | { fd: number }

const XATTR = { '': 0, CREATE: 1, REPLACE: 2 }

export class XattrCalls extends FileCalls {
  async setxattr(
    target: XattrTarget,
    name: Name,
    value: Name,
    flag: keyof typeof XATTR = '',
  ): Promise<void> {
    const { prefix, word, show } = targetWords(target)
    const size = nameBytes(value).length
    const what = `${word} ${str(name)} ${bytes(value)} ${num(size)}`
    const words = `${prefix}setxattr ${what} ${num(XATTR[flag])}`
    await this.call(
      `${prefix}setxattr(${show}, ${shown(name)}, ${size} bytes, ${flag || 0})`,
      words,
    )
  }

  async getxattr(target: XattrTarget, name: Name, size = 4096): Promise<Buffer> {
    const { prefix, word, show } = targetWords(target)
    const words = `${prefix}getxattr ${word} ${str(name)} ${got(size)} ${num(size)}`
    const record = (r: Reply) => `${r.value}: ${dataText(r.out[0] ?? Buffer.alloc(0))}`
    const reply = await this.call(`${prefix}getxattr(${show}, ${shown(name)}, ${size})`, words, {
      record,
    })
    return reply.out[0] ?? Buffer.alloc(0)
  }

  /** The names, sorted: their order is the file system's affair. */
  async listxattr(target: XattrTarget, size = 65_536): Promise<string[]> {
    const { prefix, word, show } = targetWords(target)
    const words = `${prefix}listxattr ${word} ${got(size)} ${num(size)}`
    const names = (r: Reply) => (r.out[0]?.toString('latin1') ?? '').split('\0').slice(0, -1).sort()
    const record = (r: Reply) => `${r.value}: ${names(r).join(' ')}`
    return names(await this.call(`${prefix}listxattr(${show}, ${size})`, words, { record }))
  }

  async removexattr(target: XattrTarget, name: Name): Promise<void> {
    const { prefix, word, show } = targetWords(target)
    const words = `${prefix}removexattr ${word} ${str(name)}`
    await this.call(`${prefix}removexattr(${show}, ${shown(name)})`, words)
  }

  /** Sets an ACL as the kernel keeps it; `entries` as 'u::rw-,u:1001:r--,g::r--,m::rw-,o::---'. */
  setAcl(target: XattrTarget, kind: 'access' | 'default', entries: string): Promise<void> {
    return this.setxattr(target, `system.posix_acl_${kind}`, aclBytes(entries))
  }
}

function targetWords(target: XattrTarget): { prefix: string; word: string; show: string } {
  if (typeof target === 'string' || Buffer.isBuffer(target)) {
    return { prefix: '', word: str(target), show: shown(target) }
  }
  if ('fd' in target) return { prefix: 'f', word: num(target.fd), show: 'fd' }
  return { prefix: 'l', word: str(target.nofollow), show: shown(target.nofollow) }
}

const aclTags = new Map([
  ['u:', 0x01],
  ['u', 0x02],
  ['g:', 0x04],
  ['g', 0x08],
  ['m:', 0x10],
  ['o:', 0x20],
])

/** <linux/posix_acl_xattr.h>: version 2, then tag, permissions and id of each entry. */
export function aclBytes(entries: string): Buffer {
  const rows = entries.split(',').map((entry) => {
    const [kind, id, letters] = entry.split(':')
    const row = Buffer.alloc(8)
    row.writeUInt16LE(aclTags.get(id === '' ? `${kind}:` : `${kind}`) ?? 0, 0)
    const bits = (letters ?? '')
      .split('')
      .reduce((sum, c) => sum | ({ r: 4, w: 2, x: 1 }[c] ?? 0), 0)
    row.writeUInt16LE(bits, 2)
    row.writeUInt32LE(id === '' ? 0xffffffff : Number(id), 4)
    return row
  })
  return Buffer.concat([Buffer.from([2, 0, 0, 0]), ...rows])
}
