/** Ends an installation that failed after its error was noted. */
export class Stopped extends Error {}
