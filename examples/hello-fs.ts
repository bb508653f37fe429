#!/usr/bin/env node
// A file system with one file, `hello`. Usage: hello-fs MOUNTPOINT [MOUNT-OPTIONS]; Ctrl-C ends it.

import { isMainThread } from 'node:worker_threads'
import {
  fopen,
  fuse_attr_out,
  fuse_entry_out,
  fuse_kstatfs,
  parseMountOptions,
  serve,
  type Handlers,
  type Reply,
} from '#fuse'
import { DT_DIR, DT_REG, errno, S_IFDIR, S_IFREG } from '#posix'

const root = 1
const file = 2
const name = Buffer.from('hello')
const text = Buffer.from('Hello, world!\n')
const ttlSec = 3600

const attributes = new Map([
  [root, { ino: root, mode: S_IFDIR | 0o755, nlink: 2 }],
  [file, { ino: file, mode: S_IFREG | 0o444, nlink: 1, size: text.length }],
])

export const handlers: Handlers = {
  FUSE_LOOKUP({ nodeid }, arg, reply) {
    if (nodeid !== root || !arg.name.equals(name)) return -errno.ENOENT
    reply.struct(fuse_entry_out, {
      nodeid: file,
      entry_valid: ttlSec,
      attr_valid: ttlSec,
      ...attributes.get(file),
    })
    return 0
  },
  FUSE_GETATTR({ nodeid }, _, reply) {
    reply.struct(fuse_attr_out, { attr_valid: ttlSec, ...attributes.get(nodeid) })
    return 0
  },
  FUSE_OPEN(_, arg, reply) {
    if ((arg.flags & 3) !== 0) return -errno.EACCES
    reply.open(0, fopen.FOPEN_KEEP_CACHE)
    return 0
  },
  FUSE_READ(_, { offset, size }, reply) {
    reply.bytes(text.subarray(offset, offset + size))
    return 0
  },
  FUSE_READDIR(_, { offset_lo: offset }, reply) {
    list(reply, offset)
    return 0
  },
  FUSE_STATFS(_, __, reply) {
    reply.struct(fuse_kstatfs, { bsize: 4096, frsize: 4096, namelen: 255 })
    return 0
  },
}

/** `offset` is 0 at first, then that of the last entry that was read. */
function list(reply: Reply, offset: number): void {
  const entries = [
    [Buffer.from('.'), root, DT_DIR],
    [Buffer.from('..'), root, DT_DIR],
    [name, file, DT_REG],
  ] as const
  for (const [i, [entryName, ino, type]] of entries.entries()) {
    if (i >= offset && !reply.dirent(entryName, ino, i + 1, type)) return
  }
}

if (isMainThread) {
  const [mountpoint, options = ''] = process.argv.slice(2)
  if (mountpoint === undefined) {
    console.error('usage: hello-fs MOUNTPOINT [MOUNT-OPTIONS]')
    process.exitCode = 100
  } else {
    try {
      const signal = await serve({
        mountpoint,
        module: new URL(import.meta.url),
        mount: parseMountOptions(['ro', options]),
        subtype: 'hello',
        onError: complain,
      })
      if (signal !== undefined) process.kill(process.pid, signal)
    } catch (error) {
      complain((error as Error).message)
      process.exitCode = 1
    }
  }
}

function complain(message: string): void {
  console.error(`hello-fs: ${message}`)
}
