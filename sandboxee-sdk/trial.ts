/** Goes through the gate and ends: what `sallyport doctor` launches to see whether a Node sandboxee works here. */
import { sandboxMeHere } from './index.js';

await sandboxMeHere();
process.exit(0);
