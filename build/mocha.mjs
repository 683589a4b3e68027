// Runs bundled specs under mocha: `node build/mocha.mjs FILE…`. A parent process is told `{ passes, failures }`, the failures in words.
import Mocha from "mocha";

process.setSourceMapsEnabled(true);
const mocha = new Mocha({
  timeout: 120_000,
  color: process.stdout.isTTY === true && !process.env.NO_COLOR,
  forbidOnly: true,
  forbidPending: true,
});
for (const file of process.argv.slice(2)) mocha.addFile(file);
await mocha.loadFilesAsync();
const MOST_CHARS = 2000;
const failures = [];
const runner = mocha.run((failed) => {
  const { passes } = runner.stats;
  process.exitCode = failed > 0 || passes === 0 ? 1 : 0;
  const end = () => process.stdout.write("", () => process.exit());
  if (process.send) process.send({ passes, failures }, end);
  else end();
});
runner.on("fail", (test, error) => {
  failures.push(`${test.fullTitle()}\n${String(error.stack ?? error).slice(0, MOST_CHARS)}`);
});
