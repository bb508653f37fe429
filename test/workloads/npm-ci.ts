// Exact: this project's own packages are installed on the mount.

import { join } from 'node:path'
import t from 'tap'
import { withMirroredMount } from '../support/mirrored-mount.js'
import { shell } from '../support/shell.js'

const project = join(import.meta.dirname, '../../..')

t.setTimeout(900_000)
await t.test('npm ci', (t) =>
  withMirroredMount(t, {}, async (m) => {
    const target = join(m.mount, 'project')
    const install = `
      mkdir -p "$2"; cp "$1"/package.json "$1"/package-lock.json "$2"; cd "$2"
      npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error 2>&1
      find node_modules -type f | wc -l`
    // A second time it removes what is there first and makes all anew.
    const times = process.env['TFS_LONG'] ? 3 : 1
    for (let time = 1; time <= times; time++) {
      const said = await shell(install, [project, target], { timeoutMs: 300_000 })
      const count = Number(said.trim().split('\n').at(-1))
      t.ok(count > 1000, `${count} files`)
      await m.settle()
      t.equal(await m.compare(), '', 'after npm ci the mirror is the store')
    }
    const run = 'cd "$1"; node -e "console.log(require(\'koffi\').sizeof(\'int\'))"'
    const size = await shell(run, [join(m.mirror, 'project')])
    t.equal(size.trim(), '4', 'a native package runs from the mirror')
  }),
)
