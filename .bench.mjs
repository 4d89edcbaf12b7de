import { encodeValue } from './dist/protocols/msgpack.js';
import { memoryPair } from './dist/protocols/memory-transport.js';
import { BlockingComms } from './dist/protocols/blocking-comms.js';
const cases = { small: { id: 17, name: 'photo.jpg', ok: true, size: [640, 480] },
 empty: {}, number: 1, medium: { users: Array.from({length:50},(_, i)=>({ id:i, name:'user number '+i, born: 1900+i*0.5, tags:['a','b'] })) }, text: 'x'.repeat(60000), bytes: Buffer.alloc(500), ints: Array.from({length:10000},(_, i)=>i) };
for (const [n,v] of Object.entries(cases)) {
  const N = n==='ints'||n==='text'||n==='bytes' ? 3000 : n==='medium'? 10000 : 300000;
  let best=Infinity;
  for (let r=0;r<6;r++){ const t=performance.now(); for(let i=0;i<N;i++) encodeValue(v); best=Math.min(best,(performance.now()-t)/N*1e6);}
  console.log('encode',n,best.toFixed(0)+' ns');
}
const [a,b]=memoryPair(); const A=new BlockingComms(a,{role:'broker'}).start(), B=new BlockingComms(b,{role:'sandboxee'}).start();
let best=Infinity; for(let r=0;r<6;r++){const t=performance.now(); for(let i=0;i<30000;i++){ const p=A.sendValue(cases.small); await B.recvValue(); await p;} best=Math.min(best,(performance.now()-t)/30000*1e6);} console.log('sendValue+recv',best.toFixed(0)+' ns');
process.exit(0);
