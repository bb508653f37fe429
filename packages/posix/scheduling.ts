// How this thread shares processors with others (sched(7)).

import { getPriority } from 'node:os'
import { injected } from './faults.js'
import { addressOf, NR, result, syscall3 } from './libc.js'
import { putInt64 } from './numbers.js'

// struct sched_attr of linux/sched/types.h, its first version.
const size = 48
const KEEP_POLICY = 0x08
const attributes = new Uint32Array(size / 4)
const attributesAddress = addressOf(new Uint8Array(attributes.buffer))

/**
 * How long this thread runs in a row where others want the processor, in nanoseconds (100,000 to
 * 100,000,000), or 0: as the system has it. Its share stays what it is, and those with shorter
 * slices come first when they wake, from Linux 6.12 on; before that it changes nothing. 0 or
 * -errno.
 */
export function setTimeSlice(nanoseconds: number): number {
  attributes.fill(0)
  attributes[0] = size
  putInt64(attributes, 2, KEEP_POLICY)
  attributes[4] = getPriority()
  putInt64(attributes, 6, nanoseconds)
  return injected('sched_setattr') || result(syscall3(NR.sched_setattr, 0, attributesAddress, 0))
}
