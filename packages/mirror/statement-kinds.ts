// What is done with each kind of statement: it makes the mirror so, or compares it.

import type { Statement } from './assertions-options.js'
import type { Differences } from './differences.js'
import { isReservedSpelling, statementFaults } from './operation-faults.js'
import { pathsOf } from './operation-line.js'
import { refusal } from './refusal.js'
import type { Statements } from './statements.js'

/** What a source states of its own accord, since nobody can know it who has all of the stream. */
export const forAll = 0

/** 0, -errno or a refusal. */
export function apply(
  statements: Statements,
  { name, body }: Statement,
  isPartial: boolean,
): number {
  if (name === 'assert-dir') return statements.directory(body)
  if (name === 'assert-file') return statements.file(body, isPartial)
  return name === 'assert-data' ? statements.data(body) : statements.absent(body)
}

/** Where the attributes of a directory alone are wanted. 0, -errno or a refusal. */
export const touch = (statements: Statements, { name, body }: Statement): number =>
  name === 'assert-dir' ? statements.attributes(body) : 0

export function compare(differences: Differences, { name, body }: Statement): void {
  if (name === 'assert-dir') differences.directory(body)
  else if (name === 'assert-file') differences.file(body)
  else if (name === 'assert-data') differences.data(body)
  else differences.absent(body)
}

/** What is wrong with it in itself; `folds`: names that differ in case are one. 0 or a refusal. */
export function faultOf({ name, body }: Statement, folds: boolean): number {
  if (folds && pathsOf(body).some(isReservedSpelling)) return refusal.RESERVED
  return statementFaults[name](body as never)
}
