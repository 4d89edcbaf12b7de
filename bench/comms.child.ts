/** Sends back whatever comes, over Node's IPC or over comms. */
if (process.send) {
  process.on('message', (message) => process.send?.(message));
} else {
  const { sandboxMeHere } = await import('sallyport/sandboxee');
  const { comms } = await sandboxMeHere();
  if (process.argv[2] === 'blocking') for (;;) comms.sendBytesSync(comms.recvBytesSync());
  for (;;) await comms.sendBytes(await comms.recvBytes());
}
