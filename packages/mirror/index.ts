// Replaying a stream into a directory.

export { mirror, type MirrorOptions, type MirrorResult } from './mirror.js'
export { MirrorError, type MirrorCode } from './mirror-error.js'
export { type Ids } from './owners.js'
