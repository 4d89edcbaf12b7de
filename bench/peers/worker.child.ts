import { parentPort } from 'node:worker_threads';
import { answer, type Message } from './message.js';

parentPort?.on('message', (message: Message) => {
  const answered = answer(message);
  if (answered !== undefined) parentPort?.postMessage(answered, answered.transfer ? [answered.data.buffer] : []);
});
