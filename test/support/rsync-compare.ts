// The comparison that the promise names: what rsync would have to do to make the mirror right.

import { execFile } from 'node:child_process'

/** rsync's itemized list, '' when the trees are equal. Data is compared too, not only size and
 * time, unless `quick`. */
export function rsyncCompare(
  store: string,
  mirror: string,
  quick = false,
  timeout = 300_000,
): Promise<string> {
  const args = ['-aHAXn', '--delete', '--itemize-changes', '--exclude=/.tfs']
  if (!quick) args.push('--checksum')
  args.push(`${store}/`, `${mirror}/`)
  const options = { timeout, maxBuffer: 1 << 26, encoding: 'latin1' as const }
  return new Promise((resolve) => {
    execFile('rsync', args, options, (error, stdout, stderr) => {
      const missing = (error as NodeJS.ErrnoException | null)?.code === 'ENOENT'
      if (missing) resolve('rsync is missing: apt-get install rsync')
      else resolve(`${stdout}${stderr}${error && !stderr ? error.message : ''}`.trim())
    })
  })
}
