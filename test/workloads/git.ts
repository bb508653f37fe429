// Exact: a repository is cloned onto the mount, checked out at an old commit, packed and verified.

import { join } from 'node:path'
import t from 'tap'
import { generateHistory } from '../support/generated-history.js'
import { withMirroredMount } from '../support/mirrored-mount.js'
import { shell } from '../support/shell.js'
import { tempDirectory } from '../support/temp-directory.js'

const commits = process.env['TFS_LONG'] ? 5000 : 400

const { path } = tempDirectory(t)
const repository = join(path, 'repository')
await generateHistory(repository, commits)

t.setTimeout(600_000)
await t.test('git', (t) =>
  withMirroredMount(t, {}, async (m) => {
    const clone = join(m.mount, 'clone')
    const git = (script: string) => shell(script, [repository, clone], { env: { HOME: path } })
    const steps = {
      'git clone': 'git clone -q "$1" "$2"',
      'git checkout of an old commit': `cd "$2"; git checkout -q HEAD~${commits * 0.9}`,
      'git gc': 'cd "$2"; git checkout -q -; git gc -q --prune=now',
      'branches, merge, stash and clean': `
        cd "$2"; git config user.name n; git config user.email n@example.com
        git checkout -q -b side HEAD~100; echo side > side; git add side; git commit -qm side
        git checkout -q -; git merge -q --no-edit side
        echo dirty >> side; git stash -q; git stash pop -q; git commit -qam dirty
        git checkout -q side; git clean -qfdx`,
      'git repack': 'cd "$2"; git repack -qadf',
    }
    for (const [name, script] of Object.entries(steps)) {
      await git(script)
      await m.settle()
      t.equal(await m.compare(), '', `after ${name} the mirror is the store`)
    }
    const history = await git('cd "$2"; git fsck --no-dangling 2>&1; git rev-list --all | wc -l')
    t.ok(Number(history.trim()) >= commits, `${history.trim()} commits`)
    const copy = join(m.mirror, 'clone')
    const looked = await shell('cd "$1"; git fsck --no-dangling 2>&1; git status --porcelain', [
      copy,
    ])
    t.equal(looked, '', 'git finds the mirror sound and clean')
  }),
)
