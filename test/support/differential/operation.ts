// One step of a random run: the system calls that one process makes in a row, spelled as actor.c
// takes them. They hold slots, not descriptors, so that a list from which some steps were taken
// out is still a list that can be played.

/** What of a call's reply two directories must agree on. */
export type Compared =
  /** The result, and all memory that came back. */
  | 'all'
  /** Only whether it failed: for descriptors, addresses, and calls that do not matter. */
  | 'errno'
  /** struct statx, without what two directories may differ in. */
  | 'stat'
  /** The names and types of directory entries, in any order. */
  | 'entries'
  /** Extended attributes' names, in any order. */
  | 'names'

export type Call = {
  /** `$fd3` and `$map0+4096` stand for what this process keeps in that slot. */
  words: string
  compared: Compared
  /** The slot that takes the result: a new address, or descriptor if there is one; the one that it
   * had is closed then. */
  into?: string
}

export type Operation = {
  /** Which of the processes. */
  who: number
  show: string
  calls: Call[]
  /** A canary: what is done on the mount instead. */
  tampered?: Operation
}
