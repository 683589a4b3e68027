// Loaded into each process that runs specs: a rejection that nobody handles fails the case that runs, as an exception in a timer does.
// Mocha hands it on to whoever listens, and does nothing if nobody does.
process.on("unhandledRejection", (reason) => {
  throw reason instanceof Error ? reason : new Error(`unhandled rejection: ${String(reason)}`);
});
