import { visible } from "../../text/visible.ts";
import { h } from "./dom.ts";
import { onKeys } from "./keys.ts";
import { loadStore } from "./load.ts";
import { Model } from "./model.ts";
import { onPointers } from "./pointers.ts";
import { View } from "./view.ts";

async function main(): Promise<void> {
  const app = document.getElementById("app")!;
  const said = app.firstElementChild!;
  try {
    const store = await loadStore((part) => (said.textContent = `Reading… ${Math.floor(100 * part)} %`));
    const view = new View(new Model(store), app);
    onKeys(view);
    onPointers(view);
    view.draw();
    // For measurements.
    document.documentElement.dataset.state = "ready";
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    app.replaceChildren(
      h("h1", {}, "This page cannot be shown"),
      h("p", {}, `${visible(message)}. Is the file complete? If so, try a newer browser, or write the page again.`),
    );
    document.documentElement.dataset.state = "failed";
    throw error;
  }
}

void main();
