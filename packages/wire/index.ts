export { Backoff } from './backoff.js'
export {
  codecOfType,
  codecs,
  decodeAny,
  decodeMessage,
  unknownMessage,
  type AnyMessage,
  type Codec,
  type Message,
  type UnknownMessage,
} from './codec.js'
export type { BytesField, Field, NumberField } from './fields.js'
export { Framer } from './framer.js'
export { fromJson } from './from-json.js'
export {
  checkMessage,
  epochOf,
  flagsOf,
  header,
  isSize,
  paddingOf,
  seal,
  sealChecksum,
  seqOf,
  sizeOf,
  timeOf,
  typeOf,
  type Stamp,
} from './header.js'
export * as limits from './limits.js'
export { MessageReader } from './message-reader.js'
export {
  decodeNames,
  decodeXattrs,
  encodeNames,
  encodeXattrs,
  nameEntrySize,
  xattrEntrySize,
  type Name,
  type Xattr,
} from './lists.js'
export {
  assertForm,
  content,
  dataKind,
  fallocateMode,
  flag,
  isEnd,
  isRequest,
  messageTable,
  protocolMagic,
  protocolVersion,
  renameFlag,
  which,
  type AssertionName,
  type Body,
  type MessageName,
  type OperationName,
  type RequestName,
  type Row,
} from './message-table.js'
export { momentText, timeText } from './moment-text.js'
export { Numbering, type Position } from './numbering.js'
export { pathFault } from './path.js'
export { PathTrie, pathOf, type TrieNode } from './path-trie.js'
export { PathPatterns, type PathRule } from './path-patterns.js'
export { exampleMessage, spec } from './spec.js'
export { answerOf, isRefusal, refusal, subscribedTo, subscribeTo } from './subscription.js'
export { toJson } from './to-json.js'
export { toText, typeText } from './to-text.js'
export { WireError, type WireCode } from './wire-error.js'
