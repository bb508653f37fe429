// PROTOCOL.md is what the declarations say.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { spec } from '#wire'

const path = join(import.meta.dirname, '../../../packages/wire/PROTOCOL.md')

t.equal(spec(), readFileSync(path, 'utf8'), 'tfs-dump --spec > packages/wire/PROTOCOL.md')
