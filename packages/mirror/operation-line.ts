// An operation as a line for people.

import { escapeName } from '#posix'
import { messageTable, type AssertionName, type OperationName } from '#wire'

/** `rename 'a' newPath='b' flags=1`: the row's fields in order, without times and data. */
export function operationLine(name: AssertionName | OperationName, body: object): string {
  const words: string[] = [name]
  const values = body as Record<string, number | Buffer>
  for (const [field, { kind }] of Object.entries(messageTable[name].fields)) {
    const value = values[field]
    if (/sec$/i.test(field)) continue
    if (typeof value === 'number') words.push(`${field}=${shownNumber(field, value)}`)
    else if (value && kind === 'data') words.push(`${field}=${value.length} bytes`)
    else if (value) words.push(`${field === 'path' ? '' : `${field}=`}'${escapeName(value)}'`)
  }
  return words.join(' ')
}

const shownNumber = (field: string, value: number) =>
  field === 'mode' ? `0${value.toString(8)}` : `${value}`

/** The paths of an operation, the one that it is about first. */
export function pathsOf(body: object): Buffer[] {
  const { path, newPath, from } = body as { path: Buffer; newPath?: Buffer; from?: Buffer }
  return [path, newPath, from].filter((p) => p !== undefined)
}
