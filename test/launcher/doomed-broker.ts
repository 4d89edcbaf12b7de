/**
 * A broker for a test to kill: starts a program whose stdout is its own, and has another process hold the life socket
 * open, whose pid it writes to fd 3. Only the signal at the death of the parent can end the program then.
 * Arguments: `root` or `user`, and the folder of the world.
 */
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { encodePlan } from '../../broker/plan/encode.js';
import { AS_ROOT, AS_USER, probePlan } from './plans.js';
import { Run } from './run.js';
import { borrowWorld } from './world.js';

const [, , name, folder = ''] = process.argv;
const who = name === 'user' ? AS_USER : AS_ROOT;
borrowWorld(folder);
const run = new Run(encodePlan(probePlan(who, ['pause'])), { asUser: who.asUser, stdout: 1 });
const holder = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', run.life] });
writeSync(3, String(holder.pid));
await run.outcome;
