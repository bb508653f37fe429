// What a killed journal had under way, as the next one says.

/** The paths that a journal has named. */
export const statedIn = (said: string): string[] =>
  [...said.matchAll(/^tfs-journal: (.*): was being changed when/gm)].map(([, path]) => path!)
