// What a hello says of the stream that it begins, looked at before the rest: in every version of
// the protocol its body begins with magic, version and features.

import { bodyOf, seqOf } from './header.js'
import { protocolMagic, protocolVersion } from './message-table.js'
import { WireError } from './wire-error.js'

/** Throws WireError where a hello begins a stream of another version, or with unknown features. */
export function checkVersion(hello: Buffer): void {
  const body = bodyOf(hello)
  // No hello at all, as its decoder will say.
  if (body.length < 12 || body.readUInt32LE(0) !== protocolMagic) return
  const version = body.readUInt32LE(4)
  const features = body.readUInt32LE(8)
  const what =
    version !== protocolVersion
      ? `the stream has version ${version} of the protocol, this program knows ${protocolVersion}`
      : features !== 0
        ? `the stream needs features (0x${features.toString(16)}) not known here: a newer version`
        : undefined
  if (what !== undefined) throw new WireError('EWIRE_VERSION', what, { seq: seqOf(hello) })
}
