// The opcodes as data: one row each. A row drives parsing, dispatch, the check of the reply, the
// debug print, and the types of the handlers. Numbers and names are those of `enum fuse_opcode`;
// what follows the struct is what fs/fuse/dir.c, file.c, xattr.c and readdir.c send.

import type { Fields, Struct } from '#schema'
import {
  fuse_attr_out,
  fuse_entry_out,
  fuse_kstatfs,
  fuse_statx_in,
  fuse_statx_out,
} from './abi-attr.js'
import * as file from './abi-file.js'
import { fuse_init_in, fuse_init_out } from './abi-header.js'
import * as node from './abi-node.js'

export interface Row {
  /** `enum fuse_opcode` */
  readonly opcode: number
  /** The struct at the start of the body. */
  readonly in?: Struct<Fields>
  /** NUL-terminated strings that follow it, by the name that the handler's argument gives them. */
  readonly names?: readonly ArgName[]
  /** Whether bytes follow to the end of the request (`arg.data`). */
  readonly data?: true
  /** 64-bit fields that must be numbers below 2^53; else the request is answered with `beyond`. */
  readonly bounded?: readonly string[]
  /** The error for a field that is not (default EFBIG). READ answers no bytes instead. */
  readonly beyond?: 'EFBIG' | 'ENXIO' | 'EOF'
  /** What the reply holds: these structs, or up to `arg.size` bytes, or nothing, or is not sent. */
  readonly out: readonly Struct<Fields>[] | 'bytes' | 'never'
  /** The protocol's minor version that brought it, if that is above 31. */
  readonly since?: number
  /** What the kernel makes of ENOSYS, the answer where there is no handler. */
  readonly absent?: string
}

export type ArgName = 'name' | 'newName' | 'target'

const entry = [fuse_entry_out] as const
const attr = [fuse_attr_out] as const
const open = [file.fuse_open_out] as const
const written = [file.fuse_write_out] as const

export const opcodes = {
  FUSE_LOOKUP: { opcode: 1, names: ['name'], out: entry },
  FUSE_FORGET: { opcode: 2, in: node.fuse_forget_in, out: 'never' },
  FUSE_GETATTR: { opcode: 3, in: node.fuse_getattr_in, out: attr },
  FUSE_SETATTR: { opcode: 4, in: node.fuse_setattr_in, bounded: ['size'], out: attr },
  FUSE_READLINK: { opcode: 5, out: 'bytes' },
  FUSE_SYMLINK: { opcode: 6, names: ['name', 'target'], out: entry },
  FUSE_MKNOD: { opcode: 8, in: node.fuse_mknod_in, names: ['name'], out: entry },
  FUSE_MKDIR: { opcode: 9, in: node.fuse_mkdir_in, names: ['name'], out: entry },
  FUSE_UNLINK: { opcode: 10, names: ['name'], out: [] },
  FUSE_RMDIR: { opcode: 11, names: ['name'], out: [] },
  FUSE_RENAME: { opcode: 12, in: node.fuse_rename_in, names: ['name', 'newName'], out: [] },
  FUSE_LINK: { opcode: 13, in: node.fuse_link_in, names: ['newName'], out: entry },
  FUSE_OPEN: {
    opcode: 14,
    in: file.fuse_open_in,
    out: open,
    absent: 'never asked again, opening succeeds and requests carry fh 0',
  },
  FUSE_READ: {
    opcode: 15,
    in: file.fuse_read_in,
    bounded: ['offset'],
    beyond: 'EOF',
    out: 'bytes',
  },
  FUSE_WRITE: { opcode: 16, in: file.fuse_write_in, data: true, bounded: ['offset'], out: written },
  FUSE_STATFS: { opcode: 17, out: [fuse_kstatfs] },
  FUSE_RELEASE: { opcode: 18, in: file.fuse_release_in, out: [] },
  FUSE_FSYNC: {
    opcode: 20,
    in: file.fuse_fsync_in,
    out: [],
    absent: 'never asked again, and fsync SUCCEEDS: have a handler',
  },
  FUSE_SETXATTR: {
    opcode: 21,
    in: node.fuse_setxattr_in,
    names: ['name'],
    data: true,
    out: [],
    absent: 'never asked again, EOPNOTSUPP',
  },
  FUSE_GETXATTR: {
    opcode: 22,
    in: node.fuse_getxattr_in,
    names: ['name'],
    out: 'bytes',
    absent: 'never asked again, EOPNOTSUPP',
  },
  FUSE_LISTXATTR: {
    opcode: 23,
    in: node.fuse_getxattr_in,
    out: 'bytes',
    absent: 'never asked again, EOPNOTSUPP',
  },
  FUSE_REMOVEXATTR: {
    opcode: 24,
    names: ['name'],
    out: [],
    absent: 'never asked again, EOPNOTSUPP',
  },
  FUSE_FLUSH: {
    opcode: 25,
    in: file.fuse_flush_in,
    out: [],
    absent: 'never asked again, close succeeds',
  },
  FUSE_INIT: { opcode: 26, in: fuse_init_in, out: [fuse_init_out] },
  FUSE_OPENDIR: {
    opcode: 27,
    in: file.fuse_open_in,
    out: open,
    absent: 'never asked again, opening succeeds and listings may be cached',
  },
  FUSE_READDIR: { opcode: 28, in: file.fuse_readdir_in, out: 'bytes' },
  FUSE_RELEASEDIR: { opcode: 29, in: file.fuse_release_in, out: [] },
  FUSE_FSYNCDIR: {
    opcode: 30,
    in: file.fuse_fsync_in,
    out: [],
    absent: 'never asked again, and fsync SUCCEEDS: have a handler',
  },
  FUSE_GETLK: { opcode: 31, in: node.fuse_lk_in, out: [node.fuse_lk_out] },
  FUSE_SETLK: { opcode: 32, in: node.fuse_lk_in, out: [] },
  FUSE_SETLKW: { opcode: 33, in: node.fuse_lk_in, out: [] },
  FUSE_ACCESS: {
    opcode: 34,
    in: node.fuse_access_in,
    out: [],
    absent: 'never asked again, access is granted (never asked at all with default_permissions)',
  },
  FUSE_CREATE: {
    opcode: 35,
    in: file.fuse_create_in,
    names: ['name'],
    out: [fuse_entry_out, file.fuse_open_out],
    absent: 'never asked again, MKNOD and OPEN instead',
  },
  FUSE_INTERRUPT: { opcode: 36, in: node.fuse_interrupt_in, out: 'never' },
  FUSE_BMAP: { opcode: 37, in: node.fuse_bmap_in, out: [node.fuse_bmap_out] },
  FUSE_DESTROY: { opcode: 38, out: [] },
  FUSE_IOCTL: {
    opcode: 39,
    in: file.fuse_ioctl_in,
    data: true,
    out: 'bytes',
    absent: 'ENOTTY',
  },
  FUSE_POLL: {
    opcode: 40,
    in: file.fuse_poll_in,
    out: [file.fuse_poll_out],
    absent: 'never asked again, always ready',
  },
  FUSE_NOTIFY_REPLY: { opcode: 41, data: true, out: 'never' },
  FUSE_BATCH_FORGET: { opcode: 42, in: node.fuse_batch_forget_in, data: true, out: 'never' },
  FUSE_FALLOCATE: {
    opcode: 43,
    in: file.fuse_fallocate_in,
    bounded: ['offset', 'length'],
    out: [],
    absent: 'never asked again, EOPNOTSUPP',
  },
  FUSE_READDIRPLUS: { opcode: 44, in: file.fuse_readdir_in, out: 'bytes' },
  FUSE_RENAME2: {
    opcode: 45,
    in: node.fuse_rename2_in,
    names: ['name', 'newName'],
    out: [],
    absent: 'never asked again, EINVAL; a rename without flags comes as RENAME anyway',
  },
  FUSE_LSEEK: {
    opcode: 46,
    in: file.fuse_lseek_in,
    bounded: ['offset'],
    beyond: 'ENXIO',
    out: [file.fuse_lseek_out],
    absent: 'never asked again, SEEK_DATA and SEEK_HOLE see no holes',
  },
  FUSE_COPY_FILE_RANGE: {
    opcode: 47,
    in: file.fuse_copy_file_range_in,
    bounded: ['off_in', 'off_out', 'len'],
    out: written,
    absent: 'never asked again, the kernel reads and writes through the mount',
  },
  FUSE_SYNCFS: {
    opcode: 50,
    in: node.fuse_syncfs_in,
    out: [],
    since: 34,
    absent: 'never asked again; asked on fuseblk and virtiofs only, so syncfs(2) is not seen here',
  },
  FUSE_TMPFILE: {
    opcode: 51,
    in: file.fuse_create_in,
    names: ['name'], // '/', no name at all (vfs_tmpfile's slash_name)
    out: [fuse_entry_out, file.fuse_open_out],
    since: 37,
    absent: 'never asked again, EOPNOTSUPP',
  },
  FUSE_STATX: {
    opcode: 52,
    in: fuse_statx_in,
    out: [fuse_statx_out],
    since: 39,
    absent: 'never asked again, GETATTR instead (statx then has no birth time)',
  },
  FUSE_COPY_FILE_RANGE_64: {
    opcode: 53,
    in: file.fuse_copy_file_range_in,
    bounded: ['off_in', 'off_out', 'len'],
    out: [file.fuse_copy_file_range_out],
    since: 45,
    absent: 'never asked again, COPY_FILE_RANGE instead',
  },
} as const satisfies Record<string, Row>

export type OpcodeName = keyof typeof opcodes

/** Rows by number, for requests. */
export const opcodeNames: ReadonlyMap<number, OpcodeName> = new Map(
  (Object.keys(opcodes) as OpcodeName[]).map((name) => [opcodes[name].opcode, name]),
)
