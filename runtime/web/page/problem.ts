/** Errors, shown where screen readers say them at once. */

import { element } from "./elements.js";

export class ProblemBox {
  readonly node = element("div", { role: "alert", class: "problem" });

  /** Says what is wrong; an error of ours has what to do in its message. */
  show(what: string, error: unknown, retry?: () => void): void {
    const message = error instanceof Error ? error.message : String(error);
    this.node.replaceChildren(element("strong", {}, what), element("p", {}, message));
    if (retry) {
      const again = element("button", { type: "button" }, "Try again");
      again.addEventListener("click", retry);
      this.node.append(again);
    }
  }

  clear(): void {
    this.node.replaceChildren();
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
