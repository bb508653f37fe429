// The FUSE kernel protocol, 7.31 to 7.45, spoken over /dev/fuse: layouts, opcodes, the session
// loop, and mounting. It knows nothing of the stream.

export * from './abi-attr.js'
export * from './abi-file.js'
export * from './abi-flags.js'
export * from './abi-header.js'
export * from './abi-node.js'
export * from './abi-notify.js'
export { describeReply, describeRequest } from './describe-request.js'
export { FuseError, type FuseErrorCode } from './fuse-error.js'
export {
  HANDED_OFF,
  PENDING,
  type ArgOf,
  type Handler,
  type Handlers,
  type Request,
} from './handler.js'
export { minorMax, minorMin, passthroughWants, type Kernel } from './init.js'
export { opcodeNames, opcodes, type OpcodeName, type Row } from './opcodes.js'
export { Reply } from './reply.js'
export { sendReply } from './send-reply.js'
export { Session, type SessionEnd, type SessionOptions } from './session.js'
export { decodeDevice, encodeDevice, inodeTag, type Device } from './statx-to-attr.js'
export { deadMount, replaceDeadMount } from './dead-mount.js'
export { findHolders, type Holder } from './holders.js'
export { mount, type Mounted, type MountRequest } from './mount.js'
export { MountError, MountOptionError } from './mount-error.js'
export { parseMountOptions, type MountOptions } from './mount-options.js'
export { mountServer } from './mount-server.js'
export { parseMountinfo, readMounts, type MountEntry } from './mountinfo.js'
export { notifyDelete, notifyInvalEntry, notifyInvalInode, notifyStore } from './notify.js'
export { serve, type ServeOptions } from './serve.js'
