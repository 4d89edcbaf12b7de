import { channel } from 'node:diagnostics_channel';

/**
 * `node:diagnostics_channel` names. Each message is `{ pid, … }` with the same object that the event of that name carries,
 * so that an app can observe every sandboxee of the process in one place.
 */
export const channels = {
  launch: channel('sallyport:launch'),
  denial: channel('sallyport:denial'),
  violation: channel('sallyport:violation'),
  result: channel('sallyport:result'),
  /** `{ pid, hook, error }`: a hook of `launch()` threw. */
  'hook-error': channel('sallyport:hook-error'),
} as const;

/** Whether anybody listens; else it costs nothing. A subscriber that throws is reported by Node as uncaught, as on every channel. */
export function publish(name: keyof typeof channels, message: Readonly<Record<string, unknown>>): boolean {
  const target = channels[name];
  if (!target.hasSubscribers) return false;
  target.publish(message);
  return true;
}
