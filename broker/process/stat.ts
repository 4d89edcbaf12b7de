/**
 * A field of /proc/PID/stat, by its number in proc_pid_stat(5), from the third on. The second, the program's name in brackets,
 * can have anything in it.
 */
export function statField(text: string, number: number): string | undefined {
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[number - 3];
}
