// The protocol's limits, in bytes unless said otherwise.

export const messageSizeMin = 32
export const messageSizeMax = (1 << 20) + (128 << 10)
export const messageAlign = 16
export const dataSizeMax = 1 << 20
export const pathSizeMax = 32767
/** One component of a path; also an extended attribute's name. */
export const nameSizeMax = 255
export const targetSizeMax = 4095
export const xattrValueSizeMax = 65536
export const textSizeMax = 4096
/** The largest file offset: what a double holds exactly. */
export const offsetMax = Number.MAX_SAFE_INTEGER
