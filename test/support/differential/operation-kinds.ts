// The kinds of random operations, and how often each comes.

import { attributes } from './attribute-kinds.js'
import { data, opening } from './data-kinds.js'
import { mapping } from './mapping-kinds.js'
import { naming } from './name-kinds.js'
import type { OperationKind } from './random-operations.js'

export const operationKinds: OperationKind[] = [
  ...opening,
  ...data,
  ...mapping,
  ...naming,
  ...attributes,
]
