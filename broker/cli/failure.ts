/** What keeps a command from doing anything, in lines for stderr; the exit status is 125. */
export class CommandFailure extends Error {
  readonly lines: readonly string[];

  constructor(...lines: readonly string[]) {
    super(lines.join('\n'));
    this.name = 'CommandFailure';
    this.lines = lines;
  }
}

export const EXIT_FAILURE = 125;
