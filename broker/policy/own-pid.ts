/** Stands in a filter for the pid of the program: a filter can compare with numbers only, and is made before there is one. */
export const OWN_PID = 0x53504944;

const INSTRUCTION = 8;
/** BPF_JMP | BPF_JEQ | BPF_K */
const JUMP_IF_EQUAL = 0x15;

/** The same filter for the program of this pid. The launcher does so by itself for the one that it starts filtered. */
export function withOwnPid(program: Uint8Array, pid: number): Uint8Array {
  const named = Uint8Array.from(program);
  const view = new DataView(named.buffer);
  for (let at = 0; at + INSTRUCTION <= named.length; at += INSTRUCTION) {
    const isPlace = view.getUint16(at, true) === JUMP_IF_EQUAL && view.getUint32(at + 4, true) === OWN_PID;
    if (isPlace) view.setUint32(at + 4, pid, true);
  }
  return named;
}
