/** Sends back whatever comes, over Node's IPC or over comms. */
if (process.send) {
  process.on('message', (message) => process.send?.(message));
} else {
  const { sandboxMeHere } = await import('sallyport/sandboxee');
  const { comms } = await sandboxMeHere();
  for (;;) await comms.sendBytes(await comms.recvBytes());
}
