// A real peer: stress-ng's stressors of file systems, which verify what they do.

import t from 'tap'
import { withMirroredMount } from '../support/mirrored-mount.js'
import { shell } from '../support/shell.js'

const isLong = process.env['TFS_LONG'] !== undefined

/**
 * Operations of the usual run, and what else to tell the stressor: most take some tenths of a
 * second. Left out are those for ioctls that FUSE has not (fiemap, verity, chattr), io-uring, which
 * asks for a file that it has not made, and io, which syncs every disk of the machine.
 */
const stressors: readonly (readonly [name: string, ops: number, ...options: string[]])[] = [
  ['access', 30],
  ['aio', 500],
  ['aiol', 100],
  ['chdir', 300, '--chdir-dirs', '256'],
  ['chmod', 50],
  ['chown', 200],
  ['copy-file', 2, '--copy-file-bytes', '128M'],
  ['dentry', 256, '--dentries', '128'],
  ['dir', 300, '--dir-dirs', '128'],
  ['dirdeep', 200, '--dirdeep-dirs', '2', '--dirdeep-files', '2', '--dirdeep-bytes', '4K'],
  ['dirmany', 500],
  ['dnotify', 20],
  ['dup', 100],
  ['fallocate', 10, '--fallocate-bytes', '16M'],
  ['fanotify', 20],
  ['fcntl', 500],
  ['file-ioctl', 100],
  ['filename', 50],
  ['flock', 5000],
  ['fpunch', 1],
  ['fstat', 500],
  ['getdent', 500],
  ['hdd', 1000, '--hdd-bytes', '8M', '--hdd-write-size', '64K'],
  ['hdd', 1000, '--hdd-bytes', '8M', '--hdd-opts', 'direct,wr-rnd,rd-rnd,fsync,iovec'],
  ['inotify', 5],
  ['iomix', 500, '--iomix-bytes', '8M'],
  ['lease', 100],
  ['link', 2],
  ['locka', 5000],
  ['lockf', 1000],
  ['lockofd', 5000],
  ['mknod', 200],
  ['mmap', 10, '--mmap-file', '--mmap-bytes', '2M'],
  ['mmap', 10, '--mmap-file', '--mmap-bytes', '2M', '--mmap-async', '--mmap-mprotect'],
  ['msync', 100, '--msync-bytes', '2M'],
  ['open', 2000],
  ['readahead', 100, '--readahead-bytes', '8M'],
  ['rename', 500],
  ['revio', 1000, '--revio-bytes', '8M'],
  ['seek', 500, '--seek-size', '8M'],
  ['sendfile', 100, '--sendfile-size', '2M'],
  ['symlink', 2],
  ['sync-file', 20, '--sync-file-bytes', '4M'],
  ['touch', 500],
  ['utime', 500],
  ['xattr', 20],
]

t.setTimeout(1_800_000)
await t.test('stress-ng', (t) =>
  withMirroredMount(t, { mountOptions: 'dev' }, async (m) => {
    for (const [name, ops, ...options] of stressors) {
      const what = [name, ...options].join(' ')
      const usual = ['--temp-path', m.mount, '--verify', '--timeout', isLong ? '15s' : '3s']
      const amount = [`--${name}`, '2', `--${name}-ops`, String(ops * (isLong ? 10 : 1))]
      const args = ['stress-ng', ...usual, ...amount, ...options]
      // Some failures are only printed.
      const said = await shell('"$@" 2>&1', args, { timeoutMs: isLong ? 600_000 : 150_000 }).catch(
        String,
      )
      const faults = said.split('\n').filter((line) => !/: (info|warn): /.test(line) && line)
      t.strictSame(faults, [], `${what}: ${/completed in .*s/.exec(said)?.[0]}`)
      await m.settle()
      t.equal(await m.compare(), '', `${what}: the mirror is the store`)
    }
  }),
)
