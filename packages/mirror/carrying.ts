// The operations that carry what is wrong at one path to another, or end it with its name.

import type { OperationName } from '#wire'

export const carrying: ReadonlySet<OperationName> = new Set([
  'unlink',
  'rmdir',
  'link',
  'copy',
  'rename',
] as const)
