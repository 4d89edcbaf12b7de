/** Where its frame descriptions are: a common record of 24 bytes, and one of a function. */
export const EH_FRAME = 560;

/** An ELF file of a page, with a loader, a library, sections, symbols and frame descriptions: all that is read of one. */
export function smallElf(): Buffer {
  const file = Buffer.alloc(1600);
  file.set(Buffer.from('\x7fELF\x02\x01\x01', 'latin1'));
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(62, 18);
  const tables = {
    programs: 64,
    interpreter: 300,
    dynamic: 320,
    strings: 400,
    symbols: 460,
    header: 520,
    frames: EH_FRAME,
    names: 700,
    sections: 800,
  };
  file.writeUInt32LE(tables.programs, 32);
  file.writeUInt32LE(tables.sections, 40);
  for (const [at, value] of [
    [52, 64],
    [54, 56],
    [56, 3],
    [58, 64],
    [60, 7],
    [62, 6],
  ] as const)
    file.writeUInt16LE(value, at);
  const program = (index: number, type: number, offset: number, size: number): void => {
    const at = tables.programs + 56 * index;
    file.writeUInt32LE(type, at);
    for (const [place, value] of [
      [8, offset],
      [16, offset],
      [32, size],
      [40, size],
    ] as const)
      file.writeUInt32LE(value, at + place);
  };
  program(0, 1, 0, file.length);
  program(1, 3, tables.interpreter, 20);
  program(2, 2, tables.dynamic, 48);
  file.write('/lib64/ld.so\0', tables.interpreter);
  for (const [index, [tag, value]] of [
    [5, tables.strings],
    [1, 1],
    [0, 0],
  ].entries()) {
    file.writeUInt32LE(tag ?? 0, tables.dynamic + 16 * index);
    file.writeUInt32LE(value ?? 0, tables.dynamic + 16 * index + 8);
  }
  file.write('\0libc.so.6\0_ZN4node2fs4OpenE\0v8dbg_one\0', tables.strings, 'latin1');
  for (const [index, [name, address, size]] of [
    [11, 0x100, 0x40],
    [29, 0x110, 4],
  ].entries()) {
    const at = tables.symbols + 24 * index;
    file.writeUInt32LE(name ?? 0, at);
    file[at + 4] = 2;
    file.writeUInt32LE(address ?? 0, at + 8);
    file.writeUInt32LE(size ?? 0, at + 16);
  }
  writeFrames(file, tables.header, tables.frames);
  const names = ['', '.symtab', '.strtab', '.eh_frame_hdr', '.eh_frame', '.text', '.shstrtab'];
  const places = [
    [0, 0, 0, 0],
    [2, tables.symbols, 48, 2],
    [3, tables.strings, 50, 0],
    [1, tables.header, 20, 0],
    [1, tables.frames, 80, 0],
    [1, 256, 64, 0],
    [3, tables.names, 90, 0],
  ];
  let nameAt = tables.names;
  for (const [index, name] of names.entries()) {
    const [type = 0, offset = 0, size = 0, link = 0] = places[index] ?? [];
    const at = tables.sections + 64 * index;
    file.writeUInt32LE(nameAt - tables.names, at);
    nameAt += file.write(`${name}\0`, nameAt, 'latin1');
    file.writeUInt32LE(type, at + 4);
    for (const [place, value] of [
      [16, offset],
      [24, offset],
      [32, size],
      [40, link],
    ] as const)
      file.writeUInt32LE(value, at + place);
  }
  return file;
}

/** One common record, and one of a function of 64 bytes at 0x100. */
function writeFrames(file: Buffer, header: number, frames: number): void {
  file.set([1, 0x1b, 0x03, 0x3b], header);
  file.writeUInt32LE(1, header + 8);
  file.writeInt32LE(0x100 - header, header + 12);
  file.writeInt32LE(frames + 24 - header, header + 16);
  file.writeUInt32LE(20, frames);
  file.set([1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1], frames + 8);
  const record = frames + 24;
  file.writeUInt32LE(28, record);
  file.writeUInt32LE(28, record + 4);
  file.writeInt32LE(0x100 - (record + 8), record + 8);
  file.writeUInt32LE(64, record + 12);
  file.set([0, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x0a, 0x02, 4, 0x0b], record + 16);
}
