// What a killed journal says to be in doubt at its next start, and what that explains.

/** The paths that a journal has named. */
export const doubtsIn = (said: string): string[] =>
  [...said.matchAll(/^tfs-journal: (.*): was being changed when/gm)].map(([, path]) => path!)

/** Whether a line of rsync's is about `path`, what is below it, or a directory that holds it. */
export function concerns(line: string, path: string): boolean {
  const [other = ''] = line.slice(12).split(/ [-=]> /)
  const shown = other.replace(/\/$/, '')
  return shown === path || shown.startsWith(`${path}/`) || path.startsWith(`${shown}/`)
}
