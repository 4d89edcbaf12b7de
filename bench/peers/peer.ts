/** What is measured. `bulk`: the other side makes and fills a buffer and hands it over, and this side reads all of it. */
export type Row = 'round-trip' | 'pipelined' | 'one-way' | 'bulk';

/** Microseconds: of a round trip, of one message, or of one buffer. `p99` is that of the median's own samples. */
export interface Figure {
  readonly median: number;
  readonly p99: number;
}

/** One way to speak to another process or thread, that has been started. */
export interface Peer<Name extends string = string> {
  readonly name: Name;
  /** Whether it has that row at that size (bytes). */
  measures(row: Row, size: number): boolean;
  measure(row: Row, size: number): Promise<Figure>;
  close(): Promise<void>;
}

/** `cpus[0]` is this thread's, `cpus[1]` that of whoever it speaks to. */
export type Cpus = readonly [number, number];
