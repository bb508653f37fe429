// What holds for all shell scripts, demo.sh too, which the others read.

import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../support/example.js'
import { run } from '../support/hello-mount.js'
import { tempDirectory } from '../support/temp-directory.js'

const examples = join(root, 'examples')
const scripts = readdirSync(examples)
  .filter((name) => name.endsWith('.sh'))
  .map((name) => join(examples, name))

void t.test('shellcheck finds nothing', async (t) => {
  t.ok(scripts.length > 5)
  for (const script of [...scripts, join(root, '.ci/run')]) {
    const { status, stdout } = run('shellcheck', '-x', '--source-path', root, script)
    t.equal(status, 0, `${script} ${stdout}`)
  }
  const bad = join(tempDirectory(t).path, 'bad.sh')
  writeFileSync(bad, '#!/bin/sh\nrm -r $1\n')
  t.equal(run('shellcheck', bad).status, 1, 'but it would')
})

void t.test(
  'they say what they are, end at the first fault, and keep to 110 columns',
  async (t) => {
    for (const script of scripts) {
      t.equal(run('sh', '-n', script).status, 0)
      const text = run('cat', script).stdout
      t.match(text, /^#!\/bin\/sh\n# /, script)
      t.match(text, /\n(set -eu|\. "\$\(dirname "\$0"\)\/demo\.sh")\n/, script)
      t.notMatch(text, /^.{111}/m, script)
    }
  },
)
