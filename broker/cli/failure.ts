import { complain } from './output.js';

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

/** The exit status of a command, which ends in lines of stderr where it fails. */
export async function reporting(command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    for (const line of error.lines) complain(line);
    return EXIT_FAILURE;
  }
}
