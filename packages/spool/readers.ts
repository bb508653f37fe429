// Readers that a spool keeps messages for: one small file for each, with the position up to which
// it has them. Written anew and renamed, so that there is a whole one at any time.

import assert from 'node:assert'
import { crc32 } from 'node:zlib'
import { struct, u32, u64 } from '#schema'
import { check, close, errno, flock, LOCK_EX, LOCK_NB, mkdirat, O_CREAT, O_DIRECTORY } from '#posix'
import { O_NOFOLLOW, O_RDONLY, O_RDWR, openat, readDirectory } from '#posix'
import { renameat2, systemError, write } from '#posix'
import type { Position } from '#wire'
import { fill } from './scan-segment.js'
import { makeDraft, openFile } from './spool-directory.js'
import { SpoolError } from './spool-error.js'

const folder = 'readers'
const lockSuffix = '.lock'
/** 'TFSR' in the order of its bytes. */
const magic = 0x52534654
const version = 1

const record = struct('reader', { magic: u32, version: u32, seq: u64, epoch: u32, crc: u32 }, 24)

export interface ReaderState {
  readonly name: string
  /** The last message that it has; undefined where its file is damaged. Epoch 0: none. */
  readonly position: Position | undefined
}

/** Whether a reader may be called so: it is the name of a file. */
export const isReaderName = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && !name.endsWith(lockSuffix)

/** All registered readers of the spool whose directory is `directory`. Throws as it says. */
export function listReaders(directory: number): ReaderState[] {
  const fd = openFolder(directory, false)
  if (fd === undefined) return []
  try {
    const names = [...readDirectory(fd)].map(({ name }) => name.toString('latin1'))
    return names
      .filter(isReaderName)
      .sort()
      .flatMap((name) => readState(fd, name) ?? [])
  } finally {
    close(fd)
  }
}

function readState(folderFd: number, name: string): ReaderState | undefined {
  const fd = openFile(folderFd, name, O_RDONLY)
  if (fd === undefined) return undefined
  const bytes = Buffer.alloc(record.size)
  const length = fill(fd, bytes, 0)
  close(fd)
  const { crc, epoch, seq, ...head } = record.decode(bytes)
  const isGood =
    length === record.size &&
    head.magic === magic &&
    head.version === version &&
    crc === crc32(bytes.subarray(0, record.offsets.crc))
  return { name, position: isGood ? { epoch, seq } : undefined }
}

/** A reader's place in the list, held by one process at a time. */
export class RegisteredReader {
  readonly name: string
  /** Up to here it has the stream; epoch 0: it is new. */
  position: Position
  readonly #folder: number
  readonly #lock: number
  readonly #bytes = Buffer.alloc(record.size)
  #isClosed = false

  /**
   * Takes up the reader `name`, or makes it. Throws SystemError, and SpoolError: ESPOOL_LOCKED
   * where another process is that reader, ESPOOL_STATE where its file is damaged.
   */
  constructor(directory: number, path: string, name: string) {
    this.name = name
    this.#folder = openFolder(directory, true)!
    const shown = `${path}/${folder}/${name}`
    const lock = openFile(this.#folder, `${name}${lockSuffix}`, O_RDWR | O_CREAT)
    this.#lock = lock ?? check(-errno.ENOENT, 'open', shown)
    if (flock(this.#lock, LOCK_EX | LOCK_NB) < 0) {
      this.close()
      throw new SpoolError('ESPOOL_LOCKED', `${shown}: another process is that reader`)
    }
    const state = readState(this.#folder, name)
    if (state && !state.position) {
      this.close()
      const cure = 'remove it and bring its copy up to date by other means'
      throw new SpoolError('ESPOOL_STATE', `${shown}: is damaged: ${cure}`)
    }
    this.position = state?.position ?? { epoch: 0, seq: 0 }
    if (!state) this.update(this.position)
  }

  /** Notes that it has everything up to `position`. Throws SystemError. Not after `close`. */
  update(position: Position): void {
    assert(!this.#isClosed)
    const { seq, epoch } = position
    record.encode(this.#bytes, 0, { magic, version, seq, epoch })
    const crc = crc32(this.#bytes.subarray(0, record.offsets.crc))
    this.#bytes.writeUInt32LE(crc, record.offsets.crc)
    const temporary = `.${this.name}.new`
    const fd = makeDraft(this.#folder, temporary)
    const done = write(fd, this.#bytes, 0, record.size)
    close(fd)
    if (done < record.size) throw systemError(done < 0 ? done : errno.ENOSPC, 'write', temporary)
    const [from, to] = [Buffer.from(temporary), Buffer.from(this.name)]
    check(renameat2(this.#folder, from, this.#folder, to), 'rename', this.name)
    this.position = position
  }

  /** Lets go; it stays registered. */
  close(): void {
    this.#isClosed = true
    close(this.#lock)
    close(this.#folder)
  }
}

function openFolder(directory: number, make: boolean): number | undefined {
  const name = Buffer.from(folder)
  const made = make ? mkdirat(directory, name, 0o700) : 0
  if (made < 0 && made !== -errno.EEXIST) check(made, 'mkdir', folder)
  const fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  if (fd === -errno.ENOENT) return undefined
  return check(fd, 'open', folder)
}
