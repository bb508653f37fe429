// Which messages are operations, as a test that narrows their type.

import type { Assertion } from './assertions-options.js'
import { messageTable, type AnyMessage, type Message, type OperationName } from '#wire'

export type Operation = Extract<Message, { name: OperationName }>

/** Assertions have types from 0x0200 to 0x02ff. */
export function isAssertion(message: AnyMessage): message is Assertion {
  return message.name !== 'unknown' && messageTable[message.name].type >>> 8 === 2
}

/** Operations have types from 0x0100 to 0x01ff. */
export function isOperation(message: AnyMessage): message is Operation {
  return message.name !== 'unknown' && messageTable[message.name].type >>> 8 === 1
}
