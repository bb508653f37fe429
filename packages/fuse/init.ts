// The INIT handshake: which protocol version and which of its flags both sides use.

import { initFlagBits, type InitFlag } from './abi-flags.js'
import { FUSE_COMPAT_INIT_IN_SIZE, FUSE_KERNEL_VERSION, fuse_init_in } from './abi-header.js'
import type { fuse_init_out } from './abi-header.js'
import { FuseError } from './fuse-error.js'
import type { Values } from '#schema'

/** Protocol 7.31 is Linux 5.4's; 7.45 is 6.18's, the newest known here. */
export const minorMin = 31
export const minorMax = 45

/** What was agreed with the kernel. */
export interface Kernel {
  /** The protocol's minor version in use. */
  readonly minor: number
  /** What the kernel offered. */
  readonly offered: ReadonlySet<InitFlag>
  /** What is on: offered, and wanted here. */
  readonly flags: ReadonlySet<InitFlag>
  readonly maxReadahead: number
}

/**
 * For a passthrough whose mount is the only writer. Sources: linux/fuse.h, fs/fuse/inode.c
 * (process_init_reply), fs/fuse/dir.c and file.c.
 *
 * Wanted, and what follows from it for handlers:
 * - ATOMIC_O_TRUNC: OPEN carries O_TRUNC, no SETATTR comes first. FUSE_OPEN_KILL_SUIDGID says
 *   whether that truncation clears set-id bits.
 * - DONT_MASK: creations carry the caller's umask instead of a masked mode, so that a default ACL
 *   on the parent can replace it, as it must (acl(5)). The handler applies one or the other; a
 *   store with ACLs does it by itself if umask(2) is set around the call.
 * - POSIX_ACL: the kernel checks ACLs, which it reads as system.posix_acl_* xattrs, and passes a
 *   chmod and a change of ACL on for the store to keep consistent.
 * - HANDLE_KILLPRIV_V2: nobody but the handler clears suid and sgid: on each WRITE, SETATTR, OPEN
 *   or CREATE that says KILL_SUIDGID (suid always, sgid if executable by the group). The kernel
 *   says it where the caller lacks CAP_FSETID. Without this flag it sends a chmod (SETATTR) before
 *   the write; with it, where the inode that it knows has such bits, a SETATTR without any field,
 *   which is also what chown(-1, -1) sends. A process with CAP_FSETID writing to the store clears
 *   nothing by itself; the store does drop security.capability. chown clears both always.
 * - SETXATTR_EXT: SETXATTR says whether setting an ACL clears sgid (FUSE_SETXATTR_ACL_KILL_SGID).
 * - DIRECT_IO_ALLOW_MMAP: shared mappings of files opened with FOPEN_DIRECT_IO.
 * - ABORT_ERROR: reading the device says ECONNABORTED after an abort, ENODEV after an unmount.
 * - PARALLEL_DIROPS: lookups in one directory may overlap; one loop serves them in turn anyhow.
 * - ASYNC_READ, ASYNC_DIO: several requests on one handle at a time; without ASYNC_DIO a large
 *   O_DIRECT read or write is sent one piece at a time.
 *
 * Left alone, on purpose:
 * - WRITEBACK_CACHE delays and reorders writes and makes O_APPEND use a size that may be stale.
 *   Without it the kernel places an O_APPEND write at its own i_size under the inode's lock: right
 *   while the mount is the only writer. The store's file is better opened without O_APPEND:
 *   pwrite(2) on Linux appends whatever its offset says.
 * - POSIX_LOCKS, FLOCK_LOCKS: the kernel keeps locks, they block and wake there, no request is
 *   parked.
 * - AUTO_INVAL_DATA, EXPLICIT_INVAL_DATA: nobody else changes files, so mtime says nothing new.
 * - SPLICE_*: this side reads and writes; EXPORT_SUPPORT (NFS) needs lookups of '.' and '..'.
 * - ALLOW_IDMAP: callers' ids would arrive mapped, or not at all.
 * - NO_OPEN_SUPPORT, NO_OPENDIR_SUPPORT are statements of the kernel, not requests.
 */
export const passthroughWants: readonly InitFlag[] = [
  'FUSE_ASYNC_READ',
  'FUSE_ATOMIC_O_TRUNC',
  'FUSE_BIG_WRITES',
  'FUSE_DONT_MASK',
  'FUSE_DO_READDIRPLUS',
  'FUSE_READDIRPLUS_AUTO',
  'FUSE_ASYNC_DIO',
  'FUSE_PARALLEL_DIROPS',
  'FUSE_POSIX_ACL',
  'FUSE_ABORT_ERROR',
  'FUSE_MAX_PAGES',
  'FUSE_CACHE_SYMLINKS',
  'FUSE_HANDLE_KILLPRIV_V2',
  'FUSE_SETXATTR_EXT',
  'FUSE_INIT_EXT',
  'FUSE_HAS_EXPIRE_ONLY',
  'FUSE_DIRECT_IO_ALLOW_MMAP',
]

export interface InitOptions {
  wants: readonly InitFlag[]
  maxWrite: number
  maxReadahead: number
}

/** Background requests (readahead, asynchronous direct I/O) that the kernel may have under way. */
const maxBackground = 64
const pageSizeMin = 4096

/**
 * Answers a FUSE_INIT body at bytes [at, end). `kernel` is undefined where the kernel, being of a
 * later major version, has to send another INIT.
 */
export function negotiate(
  body: Buffer,
  at: number,
  end: number,
  { wants, maxWrite, maxReadahead }: InitOptions,
): { reply: Partial<Values<(typeof fuse_init_out)['fields']>>; kernel: Kernel | undefined } {
  if (end - at < FUSE_COMPAT_INIT_IN_SIZE) {
    throw new FuseError('EFUSE_REQUEST', `FUSE_INIT of ${end - at} bytes`)
  }
  // An older kernel sends the beginning of the struct.
  const whole = Buffer.alloc(fuse_init_in.size)
  body.copy(whole, 0, at, Math.min(end, at + fuse_init_in.size))
  const theirs = fuse_init_in.decode(whole)
  if (theirs.major > FUSE_KERNEL_VERSION) {
    return { reply: { major: FUSE_KERNEL_VERSION, minor: minorMax }, kernel: undefined }
  }
  if (theirs.major < FUSE_KERNEL_VERSION || theirs.minor < minorMin) {
    throw new FuseError(
      'EFUSE_VERSION',
      `the kernel speaks FUSE ${theirs.major}.${theirs.minor}, ` +
        `this needs 7.${minorMin} (Linux 5.4) or later`,
    )
  }
  const extended = has(theirs.flags, 0, 'FUSE_INIT_EXT')
  const offered = flagNames(theirs.flags, extended ? theirs.flags2 : 0)
  const flags = new Set(wants.filter((flag) => offered.has(flag)))
  const [low, high] = words(flags)
  const readahead = Math.min(theirs.max_readahead, maxReadahead)
  const minor = Math.min(theirs.minor, minorMax)
  return {
    reply: {
      major: FUSE_KERNEL_VERSION,
      minor,
      max_readahead: readahead,
      flags: low,
      flags2: high,
      max_background: maxBackground,
      congestion_threshold: (maxBackground * 3) / 4,
      max_write: maxWrite,
      time_gran: 1,
      max_pages: Math.ceil(maxWrite / pageSizeMin),
    },
    kernel: { minor, offered, flags, maxReadahead: readahead },
  }
}

function has(low: number, high: number, flag: InitFlag): boolean {
  const bit = initFlagBits[flag]
  return (((bit < 32 ? low : high) >>> (bit % 32)) & 1) === 1
}

const flagNames = (low: number, high: number): Set<InitFlag> =>
  new Set((Object.keys(initFlagBits) as InitFlag[]).filter((flag) => has(low, high, flag)))

function words(flags: ReadonlySet<InitFlag>): [number, number] {
  let low = 0
  let high = 0
  for (const flag of flags) {
    const bit = initFlagBits[flag]
    if (bit < 32) low |= 1 << bit
    else high |= 1 << (bit - 32)
  }
  return [low >>> 0, high >>> 0]
}
