// Loaded into each process that runs specs: an unhandled rejection fails the running case, as an exception in a timer does.
// Mocha passes it on to any listener, and does nothing if there is none.
process.on("unhandledRejection", (reason) => {
  throw reason instanceof Error ? reason : new Error(`unhandled rejection: ${String(reason)}`);
});
