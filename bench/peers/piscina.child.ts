import { answer } from './message.js';

export default answer;
