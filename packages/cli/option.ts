// The two usual kinds of option, for the tables of what programs take.

export const flag = (describe: string, alias?: string) =>
  ({ type: 'boolean', describe, ...(alias ? { alias } : {}) }) as const

export const value = (describe: string) =>
  ({ type: 'string', describe, requiresArg: true }) as const
