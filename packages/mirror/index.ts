// Replaying a stream into a directory.

export { askSource } from './ask-source.js'
export { dryRun, type DryRunOptions } from './dry-run.js'
export { mirror, type MirrorOptions, type MirrorResult, type Progress } from './mirror.js'
export { MirrorError, TargetError, type MirrorCode } from './mirror-error.js'
export type { OpenMirror, OpenMirrorOptions } from './open-mirror.js'
export { type Ids } from './owners.js'
export { beginSeeding, type Seeding } from './seeding.js'
export { Selection } from './selection.js'
export { type SyncPolicy } from './sync.js'
export { type MirrorStatus } from './status.js'
export { type Upstream, type UpstreamState } from './upstream.js'
export { type Until } from './until.js'
