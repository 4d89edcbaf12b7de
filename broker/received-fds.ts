import * as native from '../native/broker.js';
import type { PoolOperations } from '../protocols/buffer-pool.js';
import { type FdOperations, nativeFds } from '../protocols/fd-facts.js';

/** Descriptors that came from a sandboxee are closed by the reaper: close(2) of a lingering TCP socket took 5 s. */
export const receivedFds: FdOperations = {
  ...nativeFds,
  close: (fd) => native.closeLater(fd),
};

/** Shared memory is the broker's own, and closed at once: what is left of a sandboxee is gone when its result is there. */
export const bufferOperations: PoolOperations = {
  ...nativeFds,
  createMemory: (size) => native.createMemory('sallyport-buffer', size, { executable: false }),
  seal: native.seal,
  map: (fd, length, writable) => new native.binding.Mapping(fd, length, writable),
};
