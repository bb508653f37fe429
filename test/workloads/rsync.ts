// A real peer: rsync onto the mount and from it, with everything that it can preserve.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { generateTree } from '../support/generated-tree.js'
import { withMirroredMount } from '../support/mirrored-mount.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { shell } from '../support/shell.js'
import { tempDirectory } from '../support/temp-directory.js'

const files = process.env['TFS_LONG'] ? 30_000 : 1000

const { path } = tempDirectory(t)
const source = join(path, 'source')
mkdirSync(source)
generateTree(source, files)
// Access lists, inherited ones too; devices and sockets.
await shell(
  `cd "$1"; setfacl -m u:1234:rw,g:4321:r 'directory 0/file-1'; setfacl -d -m u:1234:rwx odd
   mknod odd/null c 1 3; mknod odd/loop b 7 0; setfattr -n security.test -v secret odd/set-id
   listening='() => process.kill(process.pid, 9)'
   node -e "require('net').createServer().listen('odd/socket', $listening)" \
     || true; [ -S odd/socket ]`,
  [source],
)

t.setTimeout(600_000)
await t.test('rsync', (t) =>
  withMirroredMount(t, { mountOptions: 'suid,dev' }, async (m) => {
    const [onto, from] = [join(m.mount, 'onto'), join(path, 'from')]
    const sync = async (what: string, script: string) => {
      await shell(script, [`${source}/`, `${onto}/`, `${from}/`], { timeoutMs: 300_000 })
      t.equal(await rsyncCompare(source, onto), '', `${what}: nothing is left to be done`)
      await m.settle()
      t.equal(await m.compare(), '', `${what}: the mirror is the store`)
    }
    await sync('onto the mount', 'rsync -aHAX --sparse "$1" "$2"')
    await shell('rsync -aHAX --sparse "$1" "$2"', [`${onto}/`, `${from}/`])
    t.equal(await rsyncCompare(source, from), '', 'from the mount: nothing is left to be done')

    const change = `
      cd "$1"; echo more >> 'directory 0/file-3'; rm -r 'directory 7'; mv odd/empty odd/full
      dd if=/dev/urandom of=odd/holes bs=64k count=1 seek=100 conv=notrunc status=none
      chmod 0 odd/attributed; setfacl -b 'directory 0/file-1'; ln -f odd/set-id odd/also
      rm odd/fifo; mkdir odd/fifo`
    await sync('changes, in place', `${change}; rsync -aHAX --delete --inplace "$1" "$2"`)
    const again = `
      cd "$1"; truncate -s 5M odd/holes; touch -d '1969-07-20 20:17:40.123456789' odd/also
      find . -name 'file-7*' -exec sh -c 'echo changed >> "$1"' sh {} \\;`
    await sync(
      'with delays and partial files',
      `${again}
      rsync -aHAX --delete-delay --delay-updates --partial-dir=.part --no-whole-file "$1" "$2"`,
    )
  }),
)
