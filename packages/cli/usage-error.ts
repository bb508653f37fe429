/** The command line is wrong. Ends the program with exit code 100 and a hint at --help. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
