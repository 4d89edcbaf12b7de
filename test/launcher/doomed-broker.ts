/**
 * A broker for a test to kill: starts a program whose stdout is its own, and has another process hold the life socket
 * open, whose pid it writes to fd 3. Only the signal at the death of the parent can end the program then.
 */
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { encodePlan } from '../../broker/plan/encode.js';
import { AS_ROOT, AS_USER, probePlan } from './plans.js';
import { Run } from './run.js';

const who = process.argv[2] === 'user' ? AS_USER : AS_ROOT;
const run = new Run(encodePlan(probePlan(who, ['pause'])), { asUser: who.asUser, stdout: 1 });
const holder = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', run.life] });
writeSync(3, String(holder.pid));
await run.outcome;
