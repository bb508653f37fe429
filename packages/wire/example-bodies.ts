// One message of each type, as an example: PROTOCOL.md shows its bytes.

import {
  fallocateMode,
  protocolMagic,
  protocolVersion,
  renameFlag,
  which,
  type Body,
  type MessageName,
} from './message-table.js'

const bytes = (text: string) => Buffer.from(text)
const path = bytes('src/é')
const attributes = { uid: 1000, gid: 100, mtimeSec: 1_700_000_000, mtimeNsec: 500_000_001 }
const dirMtime = { dirMtimeSec: 1_700_000_000, dirMtimeNsec: 500_000_002 }
const newDirMtime = { newDirMtimeSec: -1, newDirMtimeNsec: 999_999_999 }

export const exampleBodies: { readonly [K in MessageName]: Body<K> } = {
  hello: {
    magic: protocolMagic,
    version: protocolVersion,
    features: 0,
    previousEpoch: 0xfedcba98,
    previousSeq: 0x1_0000_0002,
    source: bytes('host:/srv'),
  },
  bye: {},
  abort: { errno: 28, reason: bytes('no space left') },
  tick: {},
  gap: { from: 2, to: 6 },
  mark: { name: bytes('before-upgrade') },
  doubt: { path },
  subscribed: { epoch: 0xfedcba98, seq: 0x1_0000_0002 },
  refused: { errno: 61, reason: Buffer.from('unknown epoch') },
  create: { path, mode: 0o644, ...attributes, ...dirMtime },
  mkdir: { path: bytes('src'), mode: 0o1777, ...attributes, ...dirMtime },
  mknod: { path, mode: 0o020600, major: 1, minor: 3, ...attributes, ...dirMtime },
  symlink: { path, target: bytes('../etc'), ...attributes, ...dirMtime },
  link: { path, newPath: bytes('b'), ...newDirMtime },
  unlink: { path, ...dirMtime },
  rmdir: { path: bytes('src'), ...dirMtime },
  rename: { path, newPath: bytes('b'), flags: renameFlag.EXCHANGE, ...dirMtime, ...newDirMtime },
  write: { path, offset: 0x1_0000_0001, data: bytes('data\n') },
  truncate: { path, size: 0x1f_ffff_ffff_ffff },
  fallocate: {
    path,
    mode: fallocateMode.PUNCH_HOLE | fallocateMode.KEEP_SIZE,
    offset: 4096,
    length: 8192,
  },
  copy: { path, from: bytes('b'), offset: 0, fromOffset: 4096, length: 512 },
  setattr: {
    path: bytes(''),
    which: which.MODE | which.MTIME,
    mode: 0o4755,
    uid: 0,
    gid: 0,
    atimeSec: 0,
    atimeNsec: 0,
    mtimeSec: -2,
    mtimeNsec: 1,
  },
  setxattr: { path, name: bytes('user.mime_type'), value: bytes('text/plain') },
  removexattr: { path, name: bytes('user.mime_type') },
  fsync: { path: bytes(''), datasync: 0, errno: 5 },
  subscribe: { epoch: 0xfedcba98, seq: 0x1_0000_0002 },
  'want-mark': { name: bytes('before-upgrade') },
  ack: {
    epoch: 0xfedcba98,
    received: 0x1_0000_0004,
    applied: 0x1_0000_0003,
    durable: 0x1_0000_0002,
    who: bytes('host:/copy'),
  },
}
