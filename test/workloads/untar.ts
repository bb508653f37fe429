// Exact: a large archive is unpacked on the mount, and what came of it removed again.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { generateTree } from '../support/generated-tree.js'
import { withMirroredMount } from '../support/mirrored-mount.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { shell } from '../support/shell.js'
import { tempDirectory } from '../support/temp-directory.js'

const files = process.env['TFS_LONG'] ? 60_000 : 4000

const { path } = tempDirectory(t)
const tree = join(path, 'tree')
const tar = join(path, 'tree.tar')
mkdirSync(tree)
generateTree(tree, files)
await shell('tar -C "$1" --format=posix --xattrs --sparse -cf "$2" .', [tree, tar])

t.setTimeout(600_000)
await t.test('untar', (t) =>
  withMirroredMount(t, { mountOptions: 'suid,dev' }, async (m) => {
    const target = join(m.mount, 'target')
    await shell('mkdir "$1"; tar -C "$1" --xattrs -xpf "$2"', [target, tar], { timeoutMs: 300_000 })
    t.equal(await rsyncCompare(tree, join(m.store, 'target')), '', 'the archive was unpacked whole')
    const names = await shell('find "$1" | wc -l', [target])
    t.ok(Number(names) > files * 1.2, `${names.trim()} names, links among them`)
    await m.settle()
    t.equal(await m.compare(), '', 'after tar -x the mirror is the store')

    await shell('mv "$1" "$2"; cp -a "$2/odd" "$2/copy"; rm -rf "$2"', [target, `${target}-2`])
    await m.settle()
    t.equal(await m.compare(), '', 'after rm -rf the mirror is the store')
  }),
)
