// An ordinary user's world, in a mount namespace of its own: a /dev/fuse that everybody may open,
// as udev makes it, and this tree and this node where everybody may look.

import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

const nobody = 65534

export interface User {
  /** A command before another one, which then runs as the user. */
  readonly command: readonly string[]
  /** This tree, as the user sees it. */
  readonly tree: string
  /** A directory of the user's. */
  readonly home: string
}

/** `deviceMode`: the permissions of /dev/fuse. */
export function asUser(t: Test, deviceMode = '666'): User {
  const area = mkdtempSync(join(tmpdir(), 'tfs-user-'))
  t.teardown(() => rmSync(area, { recursive: true }))
  chmodSync(area, 0o755)
  for (const name of ['tree', 'bin', 'home']) mkdirSync(join(area, name))
  const home = join(area, 'home')
  chownSync(home, nobody, nobody)
  const tree = fileURLToPath(new URL('../../..', import.meta.url))
  // The new namespace would keep the mounts of tests beside this one alive.
  const script = `set -e; cd '${area}'
    awk '/ - fuse/ { print $5 }' /proc/self/mountinfo | xargs -r umount -l
    mknod fuse c 10 229; chmod ${deviceMode} fuse; mount --bind fuse /dev/fuse
    mount --bind '${tree}' tree; mount --bind '${dirname(process.execPath)}' bin
    PATH="${area}/bin:$PATH"; export PATH
    exec setpriv --reuid ${nobody} --regid ${nobody} --clear-groups "$@"`
  return {
    command: ['unshare', '-m', 'sh', '-c', script, 'sh'],
    tree: join(area, 'tree'),
    home,
  }
}
