/** The fields of a task and its button; Ctrl+Enter in a field is the button. */

import { element } from "./elements.js";
import type { Field, Values } from "./tasks/view.js";

const HINT = "Ctrl+Enter does the same as the button.";

export class Form {
  readonly node = element("form", { "aria-label": "What the model reads" });
  readonly #button: HTMLButtonElement;
  readonly #fields = new Map<string, HTMLInputElement | HTMLTextAreaElement>();

  constructor(fields: readonly Field[], action: string, submitted: (values: Values) => void) {
    this.#button = element("button", { type: "submit", disabled: "" }, action);
    this.node.append(...fields.map((field) => this.#labelled(field)));
    this.node.append(this.#button, element("p", { class: "soft", id: "hint" }, HINT));
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      submitted(this.values());
    });
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.node.requestSubmit(this.#button);
    });
  }

  /** The model is there. */
  enable(): void {
    this.#button.disabled = false;
  }

  values(): Values {
    return Object.fromEntries([...this.#fields].map(([name, input]) => [name, input.value]));
  }

  #labelled(field: Field): HTMLElement {
    const attributes = { id: field.name, name: field.name, "aria-describedby": "hint" };
    const input =
      field.rows === 1
        ? element("input", { ...attributes, type: "text" })
        : element("textarea", { ...attributes, rows: String(field.rows) });
    input.value = field.value;
    this.#fields.set(field.name, input);
    return element("div", { class: "field" }, element("label", { for: field.name }, field.label), input);
  }
}
