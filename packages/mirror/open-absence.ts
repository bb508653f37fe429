// What a mirror leaves out, with what it has noted of that.

import { Absence } from './absence.js'
import { Kin } from './kin.js'
import type { MirrorOptions } from './mirror.js'
import { Omitted } from './omitted.js'
import { Selection } from './selection.js'
import type { StateDirectory } from './state-directory.js'
import { Trash } from './trash.js'

type Chosen = Pick<MirrorOptions, 'only' | 'rules' | 'untrusted' | 'say'>

/** Throws errno errors, and MirrorError where what is noted is not the mirror's own. */
export function openAbsence(
  { fd, shown }: StateDirectory,
  { only, rules, untrusted, say }: Chosen,
): Absence {
  const selection = new Selection(rules, only)
  const keeps = (path: Buffer) => !selection.excludes(path, false)
  const kin = new Kin({ directory: fd, stateShown: shown, keeps, say })
  // Names of one file are of interest only where some are left out.
  if (selection.isAll) kin.forget()
  const trash = new Trash(fd, shown)
  const omitted = new Omitted(fd, shown)
  return new Absence(selection, omitted, trash, untrusted, selection.isAll ? undefined : kin)
}
