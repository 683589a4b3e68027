/** Elements. Text is only ever text: nothing here takes markup. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | boolean | ((event: never) => void)>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (typeof value === "function") element.addEventListener(name, value as EventListener);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  element.append(...children);
  return element;
}

/** Text of a recording: it does not affect the direction of the text around it. */
export function isolated(text: string, tag: "span" | "td" | "dd" = "span"): HTMLElement {
  const element = h(tag, { class: "isolated" });
  element.textContent = text;
  return element;
}
