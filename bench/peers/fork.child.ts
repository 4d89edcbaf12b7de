import { answer, type Message } from './message.js';

process.on('message', (message: Message) => {
  const { data } = message;
  // JSON made an object of it.
  const answered = answer(data instanceof Uint8Array ? message : { ...message, data: Buffer.from(data) });
  if (answered !== undefined) process.send?.(answered);
});
