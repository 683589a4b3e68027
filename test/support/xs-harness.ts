// describe and it for specs inside XS: runs them in order and prints one line of JSON for each.
declare const print: (line: string) => void;

type Body = () => unknown;
interface Case {
  title: string;
  body: Body;
}

const cases: Case[] = [];
const titles: string[] = [];

Object.assign(globalThis, {
  describe(title: string, body: Body) {
    titles.push(title);
    body();
    titles.pop();
  },
  it(title: string, body: Body) {
    cases.push({ title: [...titles, title].join(": "), body });
  },
});

/** Runs what was registered. The last line says how many cases there were, so that an early end is noticed. */
export async function run(): Promise<void> {
  for (const { title, body } of cases) {
    let error = "";
    try {
      await body();
    } catch (thrown) {
      error = thrown instanceof Error ? `${thrown.name}: ${thrown.message}\n${thrown.stack ?? ""}` : String(thrown);
    }
    print(JSON.stringify({ title, error }));
  }
  print(JSON.stringify({ cases: cases.length }));
}
