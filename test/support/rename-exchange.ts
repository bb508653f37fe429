// A program: two names of the directory it stands in change places (no tool of Debian's does it).

import { AT_FDCWD, check, RENAME_EXCHANGE, renameat2 } from '#posix'

const [one = '', other = ''] = process.argv.slice(2)
check(
  renameat2(AT_FDCWD, Buffer.from(one), AT_FDCWD, Buffer.from(other), RENAME_EXCHANGE),
  'renameat2',
  one,
)
