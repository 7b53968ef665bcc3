/** Building the document: elements, their attributes and what is in them. */

export type Child = Node | string;

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** An element of the page's own document that must be there. */
export function required<Kind extends Element>(selector: string): Kind {
  const found = document.querySelector<Kind>(selector);
  if (found === null) throw new Error(`the page has no ${selector}; write it again with edgebert page`);
  return found;
}

/** What scrolls sideways has to be reached by the keyboard, and then be called something. */
export function scrolling(name: string, content: Node): HTMLElement {
  return element(
    "div",
    { class: "scroll", role: "region", tabindex: "0", "aria-label": name },
    content,
  );
}
