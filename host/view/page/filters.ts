/** Which events are shown. */
import { visible } from "../../text/visible.ts";
import { h } from "./dom.ts";
import { type Filter, type Model, NO_FILTER } from "./model.ts";

/** The most values for which a list is offered; any value may be typed. */
const MOST_OFFERED = 2000;

export function filterBar(model: Model, onChange: (filter: Filter) => void): HTMLElement {
  const { store } = model;
  const filter: Record<keyof Filter, string> = { ...NO_FILTER };
  const changed = (key: keyof Filter, value: string) => {
    filter[key] = value;
    onChange({ ...filter });
  };
  /** Values that occur in the attributes that the kinds name. */
  const words = (named: (page: (typeof store.kinds)[number]["page"]) => string | null) => {
    const found = new Set<string>();
    for (const { page, byKey } of store.kinds) {
      const values = byKey.get(named(page) ?? "");
      if (values?.page.type !== "word") continue;
      const seen = new Uint8Array(store.meta.words.length + 1);
      for (const number of values.numbers) seen[number] = 1;
      seen.forEach((is, number) => {
        if (is === 1 && number > 0) found.add(store.meta.words[number - 1]!);
      });
    }
    return [...found].sort();
  };
  const select = (key: keyof Filter, label: string, values: readonly string[]) => {
    const element = h("select", { change: () => changed(key, element.value) }, h("option", { value: "" }, "any"));
    for (const value of values) element.append(h("option", { value }, visible(value)));
    return h("label", {}, `${label} `, element);
  };
  const typed = (key: keyof Filter, label: string, values: readonly string[]) => {
    const list = h("datalist", { id: `values-${key}` });
    for (const value of values.slice(0, MOST_OFFERED)) list.append(h("option", { value: value === "" ? '""' : value }));
    const element = h("input", {
      list: list.id,
      size: "12",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "any",
      change: () => changed(key, element.value),
    });
    return h("label", {}, `${label} `, element, list);
  };
  const owners = [...new Set(model.clients.flatMap(({ owner }) => (owner === undefined ? [] : [String(owner)])))];
  owners.sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
  const used = store.kinds.filter(({ page }) => page.count > 0);
  const bar = h("form", {
    class: "filters",
    "aria-label": "Filters",
    submit: (event: SubmitEvent) => event.preventDefault(),
  });
  const fields = () => {
    const results = words(({ result }) => result);
    const reasons = words(({ reason }) => reason).filter((reason) => reason !== "");
    const types = words(({ messageType }) => messageType);
    bar.replaceChildren(
      select("event", "event", [...new Set(used.map(({ page }) => page.name))]),
      ...(results.length > 0 ? [select("result", "result", results)] : []),
      ...(reasons.length > 0 ? [select("reason", "reason", reasons)] : []),
      ...(owners.length > 0 ? [typed("client", "client", owners)] : []),
      ...(types.length > 0 ? [typed("type", "type", types)] : []),
      h("button", { type: "button", click: clear }, "All"),
    );
  };
  const clear = () => {
    Object.assign(filter, NO_FILTER);
    fields();
    onChange(NO_FILTER);
  };
  fields();
  return bar;
}
