/** How far the model's files are, as a bar over all of them. */

import type { Progress } from "../src/index.js";
import { element } from "./elements.js";
import { megabytes } from "./words.js";

const STAGES: Readonly<Record<Progress["stage"], string>> = {
  download: "Downloading",
  verify: "Comparing with its hash",
  open: "Opening",
};

export class LoadingBar {
  readonly node = element("div", { class: "loading" });
  /** Bytes that came over the network; what the cache had is none of them. */
  downloaded = 0;
  readonly #bar = element("progress", { "aria-label": "Loading the model" });
  readonly #text = element("p", { class: "soft" }, "Loading the model");
  readonly #files = new Map<string, Progress>();

  constructor() {
    this.node.append(this.#bar, this.#text);
  }

  readonly see = (event: Progress): void => {
    if (event.stage === "download") this.#files.set(event.file, event);
    const files = [...this.#files.values()];
    this.downloaded = sum(files.map((file) => file.loaded));
    this.#bar.max = Math.max(1, sum(files.map((file) => file.total)));
    this.#bar.value = this.downloaded;
    const size = event.stage === "download" ? ` (${megabytes(event.total)})` : "";
    this.#text.textContent = `${STAGES[event.stage]} ${event.file}${size}`;
  };

}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
