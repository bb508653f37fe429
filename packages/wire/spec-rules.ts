// The words of PROTOCOL.md: what holds for all messages. Its numbers come from the declarations.

import { crc32 } from 'node:zlib'
import { filled, markdownTable } from '#schema'
import { header } from './header.js'
import * as limits from './limits.js'

const hex = (n: number, digits = 8) => `0x${n.toString(16).padStart(digits, '0')}`
const kibi = (n: number) => `${n} (${n >> 10} KiB)`

const headerDocs: Readonly<Record<keyof typeof header.fields, string>> = {
  size: 'bytes of the whole message: header, body and padding',
  type: 'which message it is, section 11; a number is never given to another message',
  flags: 'section 3',
  seq: 'its number in its epoch, section 7',
  timeLo: "nanoseconds since 1970 on the source's clock, when it was done: the low half of a u64",
  timeHi: 'and its high half',
  epoch: 'one run of the source: a random number other than 0, the same in all its messages',
  crc: 'checksum of the message, section 4',
}

const headerTable = markdownTable(
  ['offset', 'type', 'field', 'meaning'],
  Object.entries(header.fields).map(([name, { name: type }]) => {
    const field = name as keyof typeof header.fields
    return [`${header.offsets[field]}`, type, field, headerDocs[field]]
  }),
)

const flagTable = markdownTable(
  ['bits', 'name', 'meaning'],
  [
    ['0 (1)', 'REQUIRED', 'a reader that does not know the type must stop, with an error'],
    ['1 (2)', 'RETAIN', 'a relay keeps the newest of the type for those who join, section 7'],
    ['2 (4)', 'ASSERT', 'it says what is, rather than what changed; for whoever needs it'],
    ['3 (8)', 'HOP', 'for the next program only: never forwarded; its seq is 0'],
    ['4-11', '', 'zero; another value is as an unknown type is'],
    ['12-15', '', 'how many bytes of padding the message ends with'],
  ],
)

const typeTable = markdownTable(
  ['types', 'for'],
  [
    ['0x0001-0x00ff', 'control'],
    ['0x0100-0x01ff', 'operations: what was done to the tree'],
    ['0x0200-0x02ff', 'assertions: what a path is'],
    ['0x0300-0x03ff', 'requests, which travel from readers to the source: section 8'],
    ['0x8000-0xffff', 'private use: never given out here'],
    ['the others', 'reserved'],
  ],
)

const limitTable = markdownTable(
  ['what', 'least', 'most'],
  [
    ['a message', `${limits.messageSizeMin}`, kibi(limits.messageSizeMax)],
    ['data of one message', '0', kibi(limits.dataSizeMax)],
    ['a path', '0, the root', `${limits.pathSizeMax}`],
    ['a component of a path', '1', `${limits.nameSizeMax}`],
    ['the target of a symbolic link', '1', `${limits.targetSizeMax}`],
    ['the name of an extended attribute', '1', `${limits.nameSizeMax}`],
    ['the value of an extended attribute', '0', kibi(limits.xattrValueSizeMax)],
    ['a text', '0', `${limits.textSizeMax}`],
  ],
)

const checkWord = '123456789'

export const rules = filled(`# TFS/1: the protocol

A stream of messages that says what changes in a directory tree, so that replaying it
elsewhere rebuilds the tree. The same bytes travel on pipes, on sockets and in files. This
page is printed by \`tfs-dump --spec\`, from the declarations by which the programs encode
and decode; it is all that is needed to write a reader. \`tfs-dump --check\` verifies
streams, \`tfs-dump --json\` shows them.

All integers are little-endian: \`u16\`, \`u32\` and \`u64\` unsigned, \`i64\` in two's
complement. No 64-bit value but the time of the header goes beyond 2^53-1 or -(2^53-1).

## 1. Framing

A stream is messages one after the other, with nothing between them. A message is a header
of ${limits.messageSizeMin} bytes, a body, and 0 to 15 bytes of padding. Its size, with
which the header begins, is a multiple of ${limits.messageAlign} from
${limits.messageSizeMin} to ${limits.messageSizeMax}. A program that only passes messages
on needs no more than this to find where they end. A reader checks the size before it
allocates or waits for anything; after a wrong one nothing of the stream can be read.

## 2. The header

${headerTable}

## 3. Flags

${flagTable}

Section 11 has the flags of each type. A reader goes by those that it finds in the header.

## 4. The checksum

CRC-32 as of zlib, gzip and PNG (polynomial 0x04c11db7 reflected, beginning and ending
inverted; \`zlib.crc32\` in Python) of the whole message, padding included, with the four
bytes of \`crc\` taken as zeros. The CRC-32 of the nine bytes \`${checkWord}\` is
${hex(crc32(checkWord))}. A reader checks it before it looks at anything but the size, and
stops where it is wrong.

## 5. The body

The fields of a message, as section 11 lists them, lie like this:

1. the numbers, in the order of the list, without any gap or alignment;
2. for each field of bytes, in the order of the list, a u32: how many bytes it has;
3. the bytes of these fields, in the same order, one after the other, without a terminator;
4. padding: 0 to 15 zeros, until the size is a multiple of ${limits.messageAlign}.

Numbers, lengths and bytes together have exactly the size of the message less header and
padding, and all are in their ranges. A reader stops at a message where this does not hold.

${limitTable}

Sizes are in bytes. A time is two fields: whole seconds since 1970, also negative, and
nanoseconds from 0 to 999999999 that are added to them.

Two kinds of field are lists, each in the strict order of the names' bytes. *names*: for each
name a u8 with its type (\`st_mode >> 12\`: 1 FIFO, 2 character device, 4 directory, 6 block
device, 8 regular file, 10 symbolic link, 12 socket), a u8 with its length, the name.
*xattrs*: for each attribute a u8 with the length of its name, a u32 with that of its value,
the name, the value.

## 6. Paths

A path is relative to the root of the tree: raw bytes, components with \`/\` between them,
so neither a leading nor a trailing \`/\`. The root is the empty path. No component is empty,
\`.\` or \`..\`; no path has a NUL byte. Nothing more holds: names may have line breaks and
need not be UTF-8. A path may be longer than the PATH_MAX of the reader's system. The name
\`.tfs\` in the root is reserved: no stream has it.

A path is that at the time of its message: after a rename of a directory, all below it is
addressed by the new name. No path leads through a symbolic link; a reader that finds one on
the way has met a hostile stream or a changed tree, and does not follow it.

## 7. Numbers, epochs, joining

The first message of an epoch is \`hello\`, with seq 1. Each message that follows has the
same epoch and the next seq, without gaps, whatever its type, also where the reader does not
know it. The last is \`bye\`, or \`abort\` where something failed. Then the next epoch may
begin, with another \`hello\`. Where a source was killed, its epoch has no such end: then the
next may begin at once, if its \`hello\` names just that epoch and its last number as what it
goes on from. What the killed one had done and not said follows: as the operation, or as an
assertion with id 0, which is for every copy. \`doubt\` names a path where that failed.

Messages with the flag HOP have seq 0 and do not count.

A relay gives to each reader that joins, as its first messages, those with the flag RETAIN
that it has kept: the newest of each type, \`hello\` first, by rising seq, as they were. What
follows goes on at any seq. So a reader takes any rising seq after \`hello\` up to and
including the first message without RETAIN, and from there on one number after the other.

A relay that had to drop messages for a reader puts a \`gap\` in their place: \`from\` is the
number that was to come, \`to\` the last that is missing and its own seq. To a reader the
numbering is whole, but its copy is not: a replay stops here.

A seq that is there already, one that leaves some out, another epoch without a \`hello\`, a
second \`hello\` of an epoch, a \`hello\` that neither follows an end nor names what it goes on
from, anything before a
\`hello\` or after the end: there a reader stops, with an error that names the message.

## 8. Requests

Readers may send messages of their own the other way, on the same pipe or socket. They are
framed and checked like all others, and not numbered: their seq and their epoch are 0. A relay
passes them on towards the source, except those with HOP, which are for the relay itself. It
may refuse requests of more than 64 KiB, and refuses a REQUIRED one that it does not know and
whatever is no request, so that no reader ends the requests of the others. A stream never has
a request in it.

A reader that knows its position asks for what it lacks with \`subscribe\`. The relay that it is
connected to answers \`subscribed\`, behind whatever was on its way; then comes the message after
the position and everything after that. Where a relay no longer has all of it, the first that
comes is a \`gap\` that names what is missing, or an \`abort\` with errno 61 (ENODATA) where even
that is not known: no message of the source, in the place of the first that is missing. The
reader of a stream that began with \`subscribed\` knows epoch and number from it, not from a
\`hello\`; at a position that ends an epoch the \`hello\` of the next one follows.

## 9. The end, errors, versions

The input may end after \`bye\` or \`abort\` only. Where it ends elsewhere, inside a message
or between two, it is truncated: what came is good, more may be missing, and the reader says
so. A program must not take such an end for a clean one. After \`bye\` nothing is missing;
after \`abort\` something may be.

A source that has nothing to tell sends a \`tick\` each second. Where nothing comes for 15
seconds a reader may take the connection for dead.

A reader that does not know a type, or finds one of the flag bits 4-11 set, stops where
REQUIRED is set, with an error that names the type; else it skips the message, which still
counts in the numbering. A type never changes its fields: what has to change gets another
type. The body of \`hello\` begins in all versions with magic, version and features. A reader
refuses a version that is not its own and features that it does not know.

${typeTable}

A replay applies the operations in order. Of attributes it sets the owner first, then the
mode, then extended attributes, then times, since each may change those after it. \`write\`
and the like may change the mtime of a file; the exact one follows in a \`setattr\`.

## 10. Assertions

An assertion says what is, for a copy that lacks something or is to be compared. A reader asks for
one with \`want-assert\`; the source may also make one by itself. It is answered with an
\`assert-begin\` that repeats what was asked for, statements with the same id, and an
\`assert-end\`; sooner or later, or not at all, and then it may be asked for again. All readers of
the stream get them. Several assertions may be under way at once, and operations come between
their statements. A reader that has all that came before needs none of them.

Each statement is true at its own place in the stream. So a copy that makes what is at the path as
it is stated, and applies all operations, is right there from then on; at \`assert-end\` all at
and below the path of \`assert-begin\` is right, whatever it was before. With an errno it could
not all be stated: then nothing is known of what was not. Meanwhile operations may not fit. What
they concern is stated, or will be, and they are applied as far as they go: where the source of a
\`rename\` or of a \`link\` is missing, what is at newPath is removed; where the target of one
is in the way, it is replaced; missing directories are made.

\`assert-dir\` has names in lists. A list tells of the names behind \`after\` and up to
\`upto\`: what the copy has there that is not in it is removed, with all below. What is in it is
stated next with depth 1, and not at all with depth 0.

\`assert-file\` tells with \`content\` where the content is: 0, all of it in \`data\`; 1, the
sha256 of all of it in \`data\`; 2, in \`assert-data\` that follow, between which anything may
come, until another \`assert-file\` with 3 repeats the attributes as they are then. The pieces
reach to the size that was stated with 2; what is behind that has come by operations. With 1, and
with pieces of kind 2, a copy compares; where it differs it asks for that content as data, with
depth 0, form 0, the offset and the length.

Names that have the same \`group\` in one assertion are links of one file. The first of them has
an empty \`linkOf\`, and is to be no link of anything but names of that group; the others name in
\`linkOf\` one that was stated before, and are made links of that.
`)
