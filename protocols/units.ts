/** Bytes. */
export const KiB = 1024;
/** Bytes. */
export const MiB = 1024 * KiB;
