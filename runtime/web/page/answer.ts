/** The answer to what is in the form: a sentence, a picture, and how long it took. */

import { element } from "./elements.js";
import type { Model } from "./model.js";
import type { Shown, TaskView, Values } from "./tasks/view.js";
import { count, milliseconds } from "./words.js";

export class AnswerBox {
  readonly node = element("section", { "aria-labelledby": "answer", "aria-busy": "false" });
  readonly #sentence = element("p", { class: "answer", role: "status" });
  readonly #picture = element("div", { class: "picture" });
  readonly #latency = element("p", { class: "soft", id: "latency" });
  #current = new AbortController();

  constructor(private readonly view: TaskView) {
    this.node.append(element("h2", { id: "answer" }, "Answer"));
    this.node.append(this.#sentence, this.#picture, this.#latency);
  }

  /** Answers; a call before that is not done yet ends with an `AbortError`. */
  async run(model: Model, values: Values): Promise<void> {
    this.#current.abort();
    this.#current = new AbortController();
    const { signal } = this.#current;
    this.node.setAttribute("aria-busy", "true");
    try {
      const began = performance.now();
      const shown = await this.view.answer(model, values, signal);
      const took = performance.now() - began;
      signal.throwIfAborted();
      await this.#show(shown, took, model);
    } finally {
      if (this.#current.signal === signal) this.node.setAttribute("aria-busy", "false");
    }
  }

  async #show(shown: Shown, took: number, model: Model): Promise<void> {
    const tokens = await model.countTokens(shown.texts);
    const total = tokens.reduce((sum, each) => sum + each, 0);
    this.#sentence.textContent = shown.sentence;
    this.#picture.replaceChildren(shown.picture);
    this.#latency.textContent =
      `${milliseconds(took)} for ${count(shown.texts.length, "text")}, ${count(total, "token")}.`;
  }
}
