// A mirror within the tree that it mirrors would mirror itself, again and again; one that holds
// that tree would write into it.

import { hostname } from 'node:os'
import { ancestors, type Stat } from '#posix'
import { readMounts } from '#fuse'
import { UsageError } from './usage-error.js'

/**
 * Throws UsageError where `directory` and the tree that a stream is of lie in each other, while
 * that tree is mounted: otherwise it may be what is to be restored. `source` is what the hello
 * says: HOST:PATH of the store.
 */
export function refuseLoop(source: string, directory: string): void {
  const here = `${hostname()}:`
  if (!source.startsWith(here)) return
  const store = source.slice(here.length)
  const mounts = readMounts().filter(
    ({ fsType, source }) => fsType === 'fuse.tfs' && source.toString() === store,
  )
  if (mounts.length === 0) return
  const isMount = ({ devMajor, devMinor }: Stat) =>
    mounts.some(({ major, minor }) => major === devMajor && minor === devMinor)
  for (const stat of ancestors(Buffer.from(directory)))
    if (isMount(stat)) throw new UsageError(`'${directory}' lies in the mount of '${store}' itself`)
  // Below its own mount nobody reaches it. To ask the mount could be to wait for ourselves: its
  // journal may be waiting for this reader.
  if (mounts.some(({ mountPoint }) => mountPoint.toString() === store)) return
  if (isIn(directory, store)) throw new UsageError(`'${directory}' lies in '${store}' itself`)
  if (isIn(store, directory)) throw new UsageError(`'${store}' itself lies in '${directory}'`)
}

function isIn(path: string, top: string): boolean {
  const [first] = ancestors(Buffer.from(top))
  if (!first) return false
  for (const stat of ancestors(Buffer.from(path))) if (stat.isSame(first)) return true
  return false
}
