/**
 * Runs bundled specs under mocha, files in parallel: `node build/mocha.mjs REPORTER JOBS FILE…`. The parent process gets a message for each
 * case when its file has ended: `{ file, where }`, or `{ file, failure }` in words; and at the end `{ isOver: true }`.
 */
import { fileURLToPath } from "node:url";
import Mocha from "mocha";

const [reporter, jobs, ...files] = process.argv.slice(2);
const mocha = new Mocha({
  reporter,
  timeout: process.env.XS_TELEMETRY_CAMPAIGN === "full" ? 1_200_000 : 120_000,
  color: process.stdout.isTTY === true && !process.env.NO_COLOR,
  forbidOnly: true,
  forbidPending: true,
  parallel: true,
  jobs: Number(jobs),
  require: [fileURLToPath(new URL("rejections.mjs", import.meta.url))],
});
for (const file of files) mocha.addFile(file);

const MOST_CHARS = 2000;
const tell = (message, then) => (process.send ? process.send(message, then) : then?.());
/** Cases inside an engine name it in their titles; all others run in Node. */
const whereOf = (title) => /^inside XS, (.+?): (?:xs|engine)\//.exec(title)?.[1] ?? "Node";
const runner = mocha.run((failed) => {
  process.exitCode = failed > 0 ? 1 : 0;
  tell({ isOver: true }, () => process.stdout.write("", () => process.exit()));
});
runner.on("pass", (test) => tell({ file: test.file, where: whereOf(test.fullTitle()) }));
runner.on("fail", (test, error) => {
  const what = error?.stack ?? error?.message ?? error;
  tell({ file: test.file, failure: `${test.fullTitle()}\n${String(what).slice(0, MOST_CHARS)}` });
});
