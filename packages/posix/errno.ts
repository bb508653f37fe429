// Error numbers by name and names by number. Node's table lacks those that Windows and BSD do not
// have; file systems answer with some of them (EUCLEAN, ESTALE, ENODATA).

import { constants } from 'node:os'

/** Linux error numbers, positive, as of asm-generic/errno.h (the same on x86-64 and arm64). */
export const errno = {
  ...constants.errno,
  ENOTBLK: 15,
  ECHRNG: 44,
  EL2NSYNC: 45,
  EL3HLT: 46,
  EL3RST: 47,
  ELNRNG: 48,
  EUNATCH: 49,
  ENOCSI: 50,
  EL2HLT: 51,
  EBADE: 52,
  EBADR: 53,
  EXFULL: 54,
  ENOANO: 55,
  EBADRQC: 56,
  EBADSLT: 57,
  EBFONT: 59,
  ENODATA: 61,
  /** What libattr and BSD call ENODATA. */
  ENOATTR: 61,
  ENONET: 64,
  ENOPKG: 65,
  EREMOTE: 66,
  EADV: 68,
  ESRMNT: 69,
  ECOMM: 70,
  EDOTDOT: 73,
  ENOTUNIQ: 76,
  EBADFD: 77,
  EREMCHG: 78,
  ELIBACC: 79,
  ELIBBAD: 80,
  ELIBSCN: 81,
  ELIBMAX: 82,
  ELIBEXEC: 83,
  ERESTART: 85,
  ESTRPIPE: 86,
  EUSERS: 87,
  ESOCKTNOSUPPORT: 94,
  EPFNOSUPPORT: 96,
  ESHUTDOWN: 108,
  ETOOMANYREFS: 109,
  EHOSTDOWN: 112,
  EUCLEAN: 117,
  ENOTNAM: 118,
  ENAVAIL: 119,
  EISNAM: 120,
  EREMOTEIO: 121,
  ENOMEDIUM: 123,
  EMEDIUMTYPE: 124,
  ENOKEY: 126,
  EKEYEXPIRED: 127,
  EKEYREVOKED: 128,
  EKEYREJECTED: 129,
  EOWNERDEAD: 130,
  ENOTRECOVERABLE: 131,
  ERFKILL: 132,
  EHWPOISON: 133,
} as const

/** The largest number that a system call can answer with (include/linux/err.h). */
export const errnoMax = 4095

// Two names of one number: the kernel's own comes last and wins.
const names = new Map<number, string>(Object.entries(errno).map(([name, n]) => [n, name]))
for (const name of ['EAGAIN', 'ENODATA', 'EOPNOTSUPP', 'EDEADLK'] as const) {
  names.set(errno[name], name)
}

/**
 * The name of error number `n`, of either sign: 'ENOENT' for 2 and -2; 'E999' for an unknown one.
 */
export function errnoName(n: number): string {
  return names.get(Math.abs(n)) ?? `E${Math.abs(n)}`
}
