/** The button that compares this browser's answers with those of the build machine. */

import type { CheckReport } from "../src/index.js";
import { element } from "./elements.js";
import type { Model } from "./model.js";
import { count } from "./words.js";

const LEAD =
  "The bundle has samples with the answers of the machine that made it. The check runs them here and compares.";

export class CheckBox {
  readonly node = element("section", { "aria-labelledby": "check-title" });
  readonly #button = element("button", { type: "button", id: "check", disabled: "" }, "Check this browser");
  readonly #result = element("p", { role: "status", id: "check-result" });
  #model: Model | null = null;

  constructor(private readonly failed: (error: unknown) => void) {
    this.node.append(element("h2", { id: "check-title" }, "Is the answer right here?"));
    this.node.append(element("p", {}, LEAD), this.#button, this.#result);
    this.#button.addEventListener("click", () => void this.#check());
  }

  enable(model: Model): void {
    this.#model = model;
    this.#button.disabled = false;
  }

  async #check(): Promise<void> {
    if (this.#model === null) return;
    this.#button.disabled = true;
    this.#result.textContent = "Checking";
    try {
      this.#result.textContent = told(await this.#model.check());
    } catch (error) {
      this.#result.textContent = "";
      this.failed(error);
    } finally {
      this.#button.disabled = false;
    }
  }
}

function told(report: CheckReport): string {
  if (report.problem !== null) return `Not passed: ${report.problem}`;
  const worst = report.worst === null ? "" : `; the worst is off by ${report.worst.toPrecision(2)} of ${report.tolerance} allowed`;
  return `Passed: ${count(report.samples, "sample")}${worst}.`;
}
