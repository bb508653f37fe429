export { afterMark, afterPosition, afterTime, newest, oldest, type Place } from './find.js'
export { isTrimmed, lookAgain } from './look-again.js'
export { gapMessage, lostMessages } from './lost.js'
export { type Mark, SegmentIndex } from './segment-index.js'
export { parseSegmentName, retainedName, segmentName, type SegmentName } from './segment-name.js'
export { Spool } from './spool.js'
export { makeDirectory, type Segment } from './spool-directory.js'
export { SpoolError, type Damage, type SpoolErrorCode } from './spool-error.js'
export { SpoolOutput, type SpoolOutputOptions } from './spool-output.js'
export { SpoolReader } from './spool-reader.js'
export {
  segmentSizeMax,
  segmentSizeUsual,
  SpoolWriter,
  type SpoolWriterOptions,
  type SyncUnderWay,
  type SyncPolicy,
} from './spool-writer.js'
export { isReaderName, listReaders, RegisteredReader, type ReaderState } from './readers.js'
export { trim, type Amount, type Keep, type Trimmed, type TrimOptions } from './trim.js'
export { firstOf } from './succession.js'
export { verifySpool, type SpoolSummary } from './verify-spool.js'
export { Wake } from './wake.js'
export { watchSpool, type SpoolWatch } from './watch-spool.js'
