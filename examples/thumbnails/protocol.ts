import { type Comms, escapeText, type Fd, type SharedBuffer } from 'sallyport/protocols';

/**
 * Every message between the thumbnails app and its sandboxee, both halves of each, in the order in which they cross:
 *
 *     broker     Job, then for a `picture` the fd of the file
 *     sandboxee  Answer, then for `pixels` the shared buffer that holds them
 */
export type Job =
  | { readonly kind: 'picture'; readonly width: number; readonly pixelLimit: boolean }
  /** Part of the demonstration: what a sandboxee would do that was taken over. */
  | { readonly kind: 'attack'; readonly attack: Attack };

export type Attack = 'read-file' | 'open-socket' | 'start-shell';

export type Answer =
  | { readonly kind: 'pixels'; readonly width: number; readonly height: number; readonly channels: 3 | 4 }
  | { readonly kind: 'refused'; readonly reason: string };

/** A thumbnail is at most this many times as high as it is wide. */
export const HIGHEST_RATIO = 16;
const MOST_REASON = 200;

export async function sendPicture(comms: Comms, job: Extract<Job, { kind: 'picture' }>, file: Fd): Promise<void> {
  await comms.sendValue(job);
  await comms.sendFd(file);
}

export async function sendAttack(comms: Comms, attack: Attack): Promise<void> {
  await comms.sendValue({ kind: 'attack', attack });
}

/** The sandboxee's half. It trusts its broker. */
export async function receiveJob(comms: Comms): Promise<{ job: Job; file: Fd | undefined }> {
  const job = (await comms.recvValue()) as Job;
  return { job, file: job.kind === 'picture' ? await comms.recvFd({ kind: 'file' }) : undefined };
}

export async function sendPixels(
  comms: Comms,
  answer: Extract<Answer, { kind: 'pixels' }>,
  pixels: SharedBuffer,
): Promise<void> {
  await comms.sendValue(answer);
  await comms.sendBuffer(pixels);
}

export async function sendRefusal(comms: Comms, reason: string): Promise<void> {
  await comms.sendValue({ kind: 'refused', reason: reason.slice(0, MOST_REASON) });
}

export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** Copied out: nobody else can change them any more. */
  readonly bytes: Buffer;
}

/** What a sandboxee answered that is not what it was asked for. */
export class HostileAnswer extends Error {
  override readonly name = 'HostileAnswer';
}

/**
 * The broker's half. It trusts nothing: each number is checked against the job, and the pixels are copied out of the
 * memory that the sandboxee can still write before anything looks at them.
 *
 * @throws HostileAnswer where the answer is not of this protocol, or not of this job
 */
export async function receiveAnswer(comms: Comms, job: Extract<Job, { kind: 'picture' }>): Promise<Pixels | string> {
  const answer = parseAnswer(await comms.recvValue());
  if (answer.kind === 'refused') return escapeText(answer.reason, { max: MOST_REASON });
  const { width, height, channels } = answer;
  using buffer = await comms.recvBuffer();
  if (width < 1 || width > job.width || height < 1 || height > job.width * HIGHEST_RATIO) {
    throw new HostileAnswer(`asked for ${job.width} pixels of width, got ${width}×${height}`);
  }
  if (buffer.size !== width * height * channels) {
    throw new HostileAnswer(`${width}×${height}×${channels} pixels in ${buffer.size} bytes`);
  }
  return { width, height, channels, bytes: buffer.copyOut() };
}

function parseAnswer(value: unknown): Answer {
  if (typeof value !== 'object' || value === null || !('kind' in value))
    throw new HostileAnswer('no answer of this protocol');
  if (
    value.kind === 'refused' &&
    'reason' in value &&
    typeof value.reason === 'string' &&
    value.reason.length <= MOST_REASON
  ) {
    return { kind: 'refused', reason: value.reason };
  }
  if (value.kind !== 'pixels') throw new HostileAnswer('no answer of this protocol');
  const field = (name: string): number => {
    const entry: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
    if (typeof entry !== 'number' || !Number.isSafeInteger(entry)) throw new HostileAnswer(`${name} is no integer`);
    return entry;
  };
  const channels = field('channels');
  if (channels !== 3 && channels !== 4) throw new HostileAnswer(`${channels} channels`);
  return { kind: 'pixels', width: field('width'), height: field('height'), channels };
}
