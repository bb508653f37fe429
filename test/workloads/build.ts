// Exact: a C project is configured and built: many small files, written, compared and renamed over.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { generateProject } from '../support/generated-project.js'
import { withMirroredMount } from '../support/mirrored-mount.js'
import { shell } from '../support/shell.js'
import { tempDirectory } from '../support/temp-directory.js'

const [sources, checks] = process.env['TFS_LONG'] ? [1000, 400] : [60, 20]

const { path } = tempDirectory(t)
const project = join(path, 'project')
mkdirSync(project)
generateProject(project, { sources, checks })

t.setTimeout(900_000)
await t.test('a C build', (t) =>
  withMirroredMount(t, {}, async (m) => {
    const target = join(m.mount, 'project')
    const steps = {
      configure: 'cp -r "$1" "$2"; cd "$2"; sh ./configure',
      make: 'cd "$2"; make -sj2',
      'a second build, after changes': `
        cd "$2"; sed -i s/START/BEGIN/ src/part-1*.c; touch src/common.h
        sh ./configure; make -sj2; ./program`,
    }
    for (const [name, script] of Object.entries(steps)) {
      await shell(script, [project, target], { timeoutMs: 300_000 })
      await m.settle()
      t.equal(await m.compare(), '', `after ${name} the mirror is the store`)
    }
    // By exact times alone make knows that nothing is to be done.
    const copy = join(m.mirror, 'project')
    await t.resolves(shell('make -q -C "$1"', [copy]), 'the mirror is up to date for make')
    t.equal(await shell('"$1/program"', [copy]), `${sources}\n`, 'the program runs from the mirror')
    await t.resolves(shell('make -q -C "$1"', [target]), 'and so is the mount')
    await shell('make -s -C "$1" clean', [target])
    await m.settle()
    t.equal(await m.compare(), '', 'after make clean the mirror is the store')
  }),
)
