/** One line of /proc/PID/maps. */
export interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly executable: boolean;
  readonly offset: number;
  /** `MAJOR:MINOR INODE`, as the kernel writes it; the inode is 0 where there is no file. */
  readonly identity: string;
  readonly hasFile: boolean;
  /** As the kernel writes it: what is in brackets is no file, and a file can have any name. */
  readonly path: string;
}

const LINE = /^([0-9a-f]+)-([0-9a-f]+) (..)(.). ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+)\s*(.*)$/;

/** Only what can be executed, in order. */
export function parseExecutable(maps: string): Mapping[] {
  const found: Mapping[] = [];
  for (const line of maps.split('\n')) {
    const fields = LINE.exec(line);
    if (fields === null || fields[4] !== 'x') continue;
    const [, start = '', end = '', , , offset = '', device = '', inode = '', path = ''] = fields;
    found.push({
      start: Number.parseInt(start, 16),
      end: Number.parseInt(end, 16),
      executable: true,
      offset: Number.parseInt(offset, 16),
      identity: `${device} ${inode}`,
      hasFile: inode !== '0',
      path,
    });
  }
  return found;
}

export function mappingOf(mappings: readonly Mapping[], address: number): Mapping | undefined {
  let low = 0;
  let high = mappings.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((mappings[middle]?.end ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  const mapping = mappings[low];
  return mapping !== undefined && mapping.start <= address ? mapping : undefined;
}

/** As the kernel writes it in maps: new_encode_dev of st_dev. */
export function identityOf(device: bigint, inode: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  const hex = (value: bigint): string => value.toString(16).padStart(2, '0');
  return `${hex(major)}:${hex(minor)} ${inode}`;
}
