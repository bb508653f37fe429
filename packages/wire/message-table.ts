// Every message of TFS/1, declared once. Encoder, decoder, JSON, text, PROTOCOL.md, the generator
// of test values and the types of all that handles messages come from these rows.

import * as f from './fields.js'
import { dataSizeMax, xattrValueSizeMax } from './limits.js'

/** Bits of the header's flags; bits 12-15 hold the number of padding bytes. */
export const flag = { REQUIRED: 1, RETAIN: 2, ASSERT: 4, HOP: 8 } as const

export const protocolVersion = 1
/** 'TFS1' in the order of its bytes. */
export const protocolMagic = 0x31534654

/** Bits of setattr's `which`. */
export const which = { MODE: 1, UID: 2, GID: 4, ATIME: 8, MTIME: 16 } as const
/** Bits of rename's `flags`, with the numbers of renameat2(2). */
export const renameFlag = { NOREPLACE: 1, EXCHANGE: 2 } as const
/** Bits of fallocate's `mode` that a stream may carry, with the numbers of fallocate(2). */
export const fallocateMode = { KEEP_SIZE: 1, PUNCH_HOLE: 2, ZERO_RANGE: 16 } as const
/** How an assertion states content. */
export const assertForm = { DATA: 0, HASHES: 1 } as const
/** Where assert-file's content is: in its `data`, hashed there, in what follows, or said before. */
export const content = { HERE: 0, HASH: 1, FOLLOWS: 2, STATED: 3 } as const
/** What assert-data states. */
export const dataKind = { DATA: 0, HOLE: 1, HASH: 2 } as const

const created = {
  uid: f.owner('owner'),
  gid: f.owner('group'),
  mtimeSec: f.seconds('mtime of what was made'),
  mtimeNsec: f.nanoseconds('and its nanoseconds'),
}
const dirMtime = {
  dirMtimeSec: f.seconds('mtime of the parent directory after the operation'),
  dirMtimeNsec: f.nanoseconds('and its nanoseconds'),
}
const newDirMtime = {
  newDirMtimeSec: f.seconds("mtime of newPath's parent directory after the operation"),
  newDirMtimeNsec: f.nanoseconds('and its nanoseconds'),
}

const assertion = { id: f.count('the assertion that it belongs to') }

const asserted = {
  depth: f.count('0: what is at path; 1: and all below it', 1),
  form: f.count('0: content as data; 1: as hashes', assertForm.HASHES),
  offset: f.offset('with depth 0: the content of a regular file from here on'),
  length: f.offset('and so many bytes; 0: all of it'),
  path: f.path('the root is empty'),
}
const attributes = {
  uid: f.owner('owner'),
  gid: f.owner('group'),
  mtimeSec: f.seconds('mtime'),
  mtimeNsec: f.nanoseconds('and its nanoseconds'),
}
const xattrs = f.xattrs('all extended attributes, ACLs in their kernel form among them')

export interface Row {
  readonly type: number
  readonly flags: number
  readonly doc: string
  readonly fields: Readonly<Record<string, f.Field>>
}

const { REQUIRED, RETAIN, ASSERT, HOP } = flag

export const messageTable = {
  hello: {
    type: 0x0001,
    flags: REQUIRED | RETAIN,
    doc:
      "The first message of an epoch; its time is the run's start. A relay gives it to each " +
      'client that joins.',
    fields: {
      magic: f.constant(protocolMagic, "'TFS1'"),
      version: f.constant(protocolVersion, 'of the protocol'),
      features: f.constant(0, 'bits; a reader refuses those that it does not know; none is yet'),
      previousEpoch: f.count('the epoch that this one goes on from; 0 for none'),
      previousSeq: f.seqNumber('the last number of that epoch; 0 for none'),
      source: f.text('a name for the source, for people'),
    },
  },
  bye: {
    type: 0x0002,
    flags: REQUIRED,
    doc: 'The last message of an epoch that ended cleanly.',
    fields: {},
  },
  abort: {
    type: 0x0003,
    flags: REQUIRED,
    doc:
      'The last message of an epoch that did not end cleanly: what follows on the source is not ' +
      'in the stream.',
    fields: {
      errno: f.count("Linux's number of the error, 0 for none", 4095),
      reason: f.text('why, for people'),
    },
  },
  tick: {
    type: 0x0004,
    flags: 0,
    doc: 'The heartbeat of an idle source, each second: idle and dead must not look alike.',
    fields: {},
  },
  gap: {
    type: 0x0005,
    flags: REQUIRED,
    doc:
      'The messages `from` to `to` are not there: a relay had to drop them for this reader, or ' +
      'the source could not find out what to say. Its own seq is `to`, so that numbering goes on ' +
      'behind it.',
    fields: {
      from: f.seqNumber('the first that is missing'),
      to: f.seqNumber('the last that is missing'),
    },
  },
  mark: {
    type: 0x0006,
    flags: 0,
    doc: 'A point of the stream gets a name, by which it is found again.',
    fields: { name: f.markName('1 to 255 bytes without NUL, line break and /; names may repeat') },
  },
  doubt: {
    type: 0x0007,
    flags: REQUIRED,
    doc:
      'After an end that was not clean the source could not state what is at path, where its ' +
      'last change may not be in the stream. A copy notes the path as suspect.',
    fields: { path: f.path('what may differ; the root is empty') },
  },
  subscribed: {
    type: 0x0008,
    flags: REQUIRED | HOP,
    doc:
      'The answer to subscribe: what follows it is the message after this position. Who ' +
      'subscribed throws away whatever came before it; to anybody else it is an error.',
    fields: {
      epoch: f.count('that of the position, as asked for; 0: from the beginning of what is there'),
      seq: f.seqNumber('the last message that is not sent'),
    },
  },
  refused: {
    type: 0x0009,
    flags: REQUIRED | HOP,
    doc: 'The other answer to subscribe, after which the relay ends the connection.',
    fields: {
      errno: f.count("Linux's number of the error, 0 for none", 4095),
      reason: f.text('why, for people'),
    },
  },
  create: {
    type: 0x0100,
    flags: REQUIRED,
    doc: 'A new empty regular file.',
    fields: {
      path: f.entry('where'),
      mode: f.permissions('permission bits'),
      ...created,
      ...dirMtime,
    },
  },
  mkdir: {
    type: 0x0101,
    flags: REQUIRED,
    doc: 'A new directory.',
    fields: {
      path: f.entry('where'),
      mode: f.permissions('permission bits'),
      ...created,
      ...dirMtime,
    },
  },
  mknod: {
    type: 0x0102,
    flags: REQUIRED,
    doc: 'A new FIFO, socket or device.',
    fields: {
      path: f.entry('where'),
      mode: f.mode('permissions, and 010000 FIFO, 020000 or 060000 device, 0140000 socket'),
      major: f.count("device's major number, 0 where it is none", 0xfff),
      minor: f.count("device's minor number, 0 where it is none", 0xfffff),
      ...created,
      ...dirMtime,
    },
  },
  symlink: {
    type: 0x0103,
    flags: REQUIRED,
    doc: 'A new symbolic link.',
    fields: {
      path: f.entry('where'),
      target: f.target('what it holds: 1..4095 bytes without NUL, never followed'),
      ...created,
      ...dirMtime,
    },
  },
  link: {
    type: 0x0104,
    flags: REQUIRED,
    doc: 'One more name for what is at path.',
    fields: {
      path: f.entry('a name that it has'),
      newPath: f.entry('the name that it gets'),
      ...newDirMtime,
    },
  },
  unlink: {
    type: 0x0105,
    flags: REQUIRED,
    doc: 'A name of something other than a directory is gone.',
    fields: { path: f.entry('the name'), ...dirMtime },
  },
  rmdir: {
    type: 0x0106,
    flags: REQUIRED,
    doc: 'An empty directory is gone.',
    fields: { path: f.entry('where it was'), ...dirMtime },
  },
  rename: {
    type: 0x0107,
    flags: REQUIRED,
    doc: 'path became newPath, replacing what was there; with EXCHANGE the two changed places.',
    fields: {
      path: f.entry('the old name'),
      newPath: f.entry('the new name'),
      flags: { ...f.bits("renameat2(2)'s; never both", renameFlag), max: renameFlag.EXCHANGE },
      ...dirMtime,
      ...newDirMtime,
    },
  },
  write: {
    type: 0x0108,
    flags: REQUIRED,
    doc: 'Bytes written into a regular file, which grows where they go past its end.',
    fields: {
      path: f.entry('the file'),
      offset: f.offset('bytes from its start'),
      data: f.data(dataSizeMax, 'the bytes'),
    },
  },
  truncate: {
    type: 0x0109,
    flags: REQUIRED,
    doc: "A regular file's new size.",
    fields: { path: f.entry('the file'), size: f.offset('bytes') },
  },
  fallocate: {
    type: 0x010a,
    flags: REQUIRED,
    doc: 'Space of a regular file allocated, punched out or zeroed.',
    fields: {
      path: f.entry('the file'),
      mode: f.bits("fallocate(2)'s; PUNCH_HOLE with KEEP_SIZE only", fallocateMode),
      offset: f.offset('bytes from its start'),
      length: f.offset('bytes'),
    },
  },
  copy: {
    type: 0x010b,
    flags: REQUIRED,
    doc: 'Bytes copied from one regular file of the tree to another, or within one.',
    fields: {
      path: f.entry('the file that was written'),
      from: f.entry('the file that was read'),
      offset: f.offset('bytes from the start of path'),
      fromOffset: f.offset('bytes from the start of from'),
      length: f.offset('bytes that were really copied'),
    },
  },
  setattr: {
    type: 0x010c,
    flags: REQUIRED,
    doc: 'New attributes of what is at path, which is not followed where it is a symbolic link.',
    fields: {
      path: f.path('what; the root is empty'),
      which: f.bits('which of the fields count; the others are in range, and ignored', which),
      mode: f.where(which.MODE, f.permissions('permission bits')),
      uid: f.where(which.UID, f.owner('owner')),
      gid: f.where(which.GID, f.owner('group')),
      atimeSec: f.where(which.ATIME, f.seconds('atime')),
      atimeNsec: f.where(which.ATIME, f.nanoseconds('and its nanoseconds')),
      mtimeSec: f.where(which.MTIME, f.seconds('mtime')),
      mtimeNsec: f.where(which.MTIME, f.nanoseconds('and its nanoseconds')),
    },
  },
  setxattr: {
    type: 0x010d,
    flags: REQUIRED,
    doc: 'An extended attribute (an ACL is one, in its kernel form) set to a value.',
    fields: {
      path: f.path('what; the root is empty'),
      name: f.xattrName('the full name, like user.mime_type'),
      value: f.data(xattrValueSizeMax, 'the value'),
    },
  },
  removexattr: {
    type: 0x010e,
    flags: REQUIRED,
    doc: 'An extended attribute removed.',
    fields: { path: f.path('what; the root is empty'), name: f.xattrName('the full name') },
  },
  fsync: {
    type: 0x010f,
    flags: 0,
    doc: 'A file or directory was made durable on the source; or could not be, as errno says.',
    fields: {
      path: f.path('what; the root is empty'),
      datasync: f.count('1: data only (fdatasync)', 1),
      errno: f.count("Linux's number of the error, 0 for success", 4095),
    },
  },
  'assert-begin': {
    type: 0x0200,
    flags: ASSERT,
    doc:
      'What is at path, and with depth 1 all below it, is stated from here on, between ' +
      'operations: each statement is true at its own place in the stream. Who has all that came ' +
      'before may skip it, unless its id is 0: then it says what a source that was killed had not.',
    fields: {
      ...assertion,
      ...asserted,
    },
  },
  'assert-end': {
    type: 0x0201,
    flags: ASSERT,
    doc: 'All that was to be stated is stated; or could not be, as errno says.',
    fields: {
      ...assertion,
      errno: f.count("Linux's number of the error, 0 for none", 4095),
    },
  },
  'assert-absent': {
    type: 0x0202,
    flags: ASSERT,
    doc: 'There is nothing at path.',
    fields: { ...assertion, path: f.entry('where') },
  },
  'assert-dir': {
    type: 0x0203,
    flags: ASSERT,
    doc:
      'At path is a directory with these attributes. Of the names behind `after` up to and with ' +
      '`upto`, in the order of their bytes, exactly these are in it.',
    fields: {
      ...assertion,
      path: f.path('the root is empty'),
      mode: f.permissions('permission bits'),
      ...attributes,
      xattrs,
      after: f.bound('empty: from the first name on'),
      upto: f.bound('empty: up to the last name'),
      names: f.names('the names, with the type of each'),
    },
  },
  'assert-file': {
    type: 0x0204,
    flags: ASSERT,
    doc: 'At path is something other than a directory, with these attributes.',
    fields: {
      ...assertion,
      path: f.entry('where'),
      mode: f.mode('type and permissions'),
      ...attributes,
      major: f.count("device's major number, 0 where it is none", 0xfff),
      minor: f.count("device's minor number, 0 where it is none", 0xfffff),
      size: f.offset('bytes of a regular file, else 0'),
      group: f.count('names of one assertion with the same number are links; 0: it has one name'),
      content: f.count(
        '0: data is the content; 1: data is its sha256; 2: assert-data follow, then a message ' +
          'with 3; 3: the content was stated before, is that of linkOf, or it has none',
        content.STATED,
      ),
      linkOf: f.path('a name of the same file that was stated before, and is right now, or empty'),
      target: f.targetOrNone('what a symbolic link holds'),
      xattrs,
      data: f.data(dataSizeMax, 'the content, its hash, or empty'),
    },
  },
  'assert-data': {
    type: 0x0205,
    flags: ASSERT,
    doc: 'What a regular file has in one place.',
    fields: {
      ...assertion,
      path: f.entry('the file'),
      offset: f.offset('bytes from its start'),
      length: f.offset('bytes'),
      kind: f.count('0: data is what is there; 1: a hole; 2: data is its sha256', dataKind.HASH),
      data: f.data(dataSizeMax, 'the bytes, their hash, or empty'),
    },
  },
  subscribe: {
    type: 0x0300,
    flags: REQUIRED | HOP,
    doc:
      'A reader asks the relay that it is connected to for everything after a position. The ' +
      'answer is subscribed or refused.',
    fields: {
      epoch: f.count('of the last message that the reader has; 0: all that there is'),
      seq: f.seqNumber('of that message'),
    },
  },
  'want-mark': {
    type: 0x0301,
    flags: 0,
    doc: 'The source is asked for a mark; what was written before is in the stream before it.',
    fields: { name: f.markName("the mark's") },
  },
  ack: {
    type: 0x0302,
    flags: 0,
    doc: 'How far a copy is. Each number is that of the last such message, 0 for none.',
    fields: {
      epoch: f.count('of the three'),
      received: f.seqNumber('has come'),
      applied: f.seqNumber('is in the copy'),
      durable: f.seqNumber('would survive a power cut there'),
      who: f.label('a name for the copy: 1 to 255 bytes without NUL and line break'),
    },
  },
  'want-assert': {
    type: 0x0303,
    flags: 0,
    doc: 'The source is asked to state what is at path.',
    fields: {
      id: f.count('not 0; it comes back in assert-begin, with all the rest'),
      ...asserted,
    },
  },
} as const satisfies Record<string, Row>

export type MessageTable = typeof messageTable
export type MessageName = keyof MessageTable

/** The body of a message by its name: numbers, and Buffers for paths, names, texts and data. */
export type Body<K extends MessageName = MessageName> = {
  -readonly [
    F in keyof MessageTable[K]['fields']
  ]: MessageTable[K]['fields'][F] extends f.NumberField ? number : Buffer
}

/** The messages that change the tree, from 0x0100 to 0x01ff. */
export type OperationName = Exclude<MessageName, ControlName | AssertionName | RequestName>

/** The messages that state what is, from 0x0200 to 0x02ff. */
export type AssertionName = Extract<MessageName, `assert-${string}`>

type ControlName =
  'hello' | 'bye' | 'abort' | 'tick' | 'gap' | 'mark' | 'doubt' | 'subscribed' | 'refused'

/** The messages that travel from readers towards the source, from 0x0300 to 0x03ff. */
export type RequestName = 'subscribe' | 'want-mark' | 'ack' | 'want-assert'

/** Whether a type is that of the last message of an epoch. */
export const isEnd = (type: number): boolean =>
  type === messageTable.bye.type || type === messageTable.abort.type

/** Whether a type is that of a request. */
export const isRequest = (type: number): boolean => type >>> 8 === 0x03
