/**
 * Runs bundled specs under mocha, files in parallel: `node build/mocha.mjs REPORTER JOBS FILE…`. A parent process is told
 * `{ passes: [[where, number of cases]], failures }`: where the cases ran, in the order in which it was first seen, and the failures in words.
 */
import Mocha from "mocha";

const [reporter, jobs, ...files] = process.argv.slice(2);
const mocha = new Mocha({
  reporter,
  timeout: 120_000,
  color: process.stdout.isTTY === true && !process.env.NO_COLOR,
  forbidOnly: true,
  forbidPending: true,
  parallel: true,
  jobs: Number(jobs),
});
for (const file of files) mocha.addFile(file);

const MOST_CHARS = 2000;
const passes = new Map();
const failures = [];
/** Cases inside an engine say which in their title; all others run in Node. */
const whereOf = (title) => /^inside XS, (.+?): (?:xs|engine)\//.exec(title)?.[1] ?? "Node";
const runner = mocha.run((failed) => {
  process.exitCode = failed > 0 || passes.size === 0 ? 1 : 0;
  const end = () => process.stdout.write("", () => process.exit());
  if (process.send) process.send({ passes: [...passes], failures }, end);
  else end();
});
runner.on("pass", (test) => {
  const where = whereOf(test.fullTitle());
  passes.set(where, (passes.get(where) ?? 0) + 1);
});
runner.on("fail", (test, error) => {
  failures.push(`${test.fullTitle()}\n${String(error?.stack ?? error).slice(0, MOST_CHARS)}`);
});
