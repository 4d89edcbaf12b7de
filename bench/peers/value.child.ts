import { sandboxMeHere } from 'sallyport/sandboxee';
import { Values } from './value-interface.js';

const gate = await sandboxMeHere();

gate.serve(Values, { plain: (message) => message, value: (message) => message });
