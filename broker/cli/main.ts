import { reporting } from './failure.js';

/** The commands but `run`, which has a way of its own (index.ts). */
export async function main(command: string | undefined, words: readonly string[]): Promise<void> {
  process.exitCode = await reporting(async () => {
    if (command === 'doctor') return (await import('./doctor.js')).doctor(words);
    (await import('./commands.js')).runCommand();
    return Number(process.exitCode ?? 0);
  });
}
