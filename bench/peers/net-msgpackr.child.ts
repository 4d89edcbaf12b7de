import { connect } from 'node:net';
import { framed } from './framed-socket.js';
import { answer } from './message.js';

const socket = connect(process.argv[2] ?? '');
const send = framed(socket, (message) => {
  const answered = answer(message);
  if (answered !== undefined) send(answered);
});
