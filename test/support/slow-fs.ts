// A program for a test: a file system with one file, `slow`, whose OPENs wait until somebody looks
// up the name `go` (READs would be readahead, which nobody interrupts). Usage: slow-fs MOUNTPOINT
// [interruptible]. Writes a line of JSON when unmounted.

import { fuse_attr_out, fuse_entry_out, mount, PENDING, Session } from '#fuse'
import { errno, S_IFDIR, S_IFREG } from '#posix'

const [mountpoint, interruptible] = process.argv.slice(2)

if (mountpoint !== undefined) {
  const waiting: number[] = []
  const attributes = (ino: number) =>
    ino === 1
      ? { ino, mode: S_IFDIR | 0o755, nlink: 2 }
      : { ino, mode: S_IFREG | 0o444, nlink: 1, size: 5 }
  const errors: string[] = []
  const session: Session = new Session({
    fd: mount({ mountpoint, subtype: 'slow' }).fd,
    handlers: {
      FUSE_LOOKUP(_, { name }, reply) {
        if (name.toString() === 'go') {
          for (const unique of waiting.splice(0)) {
            session.answer(unique, 0, (late) => late.open(0, 0))
          }
        }
        if (name.toString() !== 'slow') return -errno.ENOENT
        reply.struct(fuse_entry_out, { nodeid: 2, entry_valid: 60, ...attributes(2) })
        return 0
      },
      FUSE_GETATTR({ nodeid }, _, reply) {
        reply.struct(fuse_attr_out, { attr_valid: 60, ...attributes(nodeid) })
        return 0
      },
      FUSE_OPEN({ unique }) {
        waiting.push(unique)
        return PENDING
      },
      FUSE_READ(_, { offset }, reply) {
        reply.bytes(Buffer.from('late\n').subarray(offset))
        return 0
      },
    },
    onInterrupt:
      interruptible === undefined
        ? undefined
        : (unique) => {
            waiting.splice(waiting.indexOf(unique), 1)
            session.answer(unique, -errno.EINTR)
          },
    onError: (error, during) => errors.push(`${during}: ${String(error)}`),
  })
  const end = session.run()
  const { counters, kernel } = session
  console.log(JSON.stringify({ end, counters, errors, flags: [...kernel!.flags] }))
}
