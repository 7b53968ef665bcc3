/** Texts to labels: the probability of each. */

import { InputError } from "../../src/index.js";
import { element } from "../elements.js";
import { bars } from "../pictures/bars.js";
import { lines, score } from "../words.js";
import { valueOf, type TaskView } from "./view.js";

const EXAMPLE = `The delivery was fast and the phone works very well.
It broke after two days, and nobody answers the telephone.`;

export const classify: TaskView = {
  lead: "Write one text in each line, and see which label each gets. For a model of pairs, write second texts, too.",
  action: "Classify",
  fields: () => [
    { name: "texts", label: "Texts, one in each line", value: EXAMPLE, rows: 4 },
    { name: "seconds", label: "Second texts of pairs, one in each line (or none)", value: "", rows: 2 },
  ],
  async answer(model, values, signal) {
    const texts = itemsOf(lines(valueOf(values, "texts")), lines(valueOf(values, "seconds")));
    const found = await model.classify(texts, { signal });
    const pictures = found.map((each, at) =>
      bars([texts[at] ?? ""].flat().join(" | "), each.scores.map(({ label, score: value }) => ({ name: label, value }))),
    );
    const best = found.map(({ best: { label, score: value } }, at) =>
      texts.length === 1 ? `${label}, ${score(value)}` : `text ${at + 1}: ${label}, ${score(value)}`,
    );
    return { sentence: `Best label: ${best.join("; ")}.`, picture: element("div", {}, ...pictures), texts };
  },
};

/** Texts, or pairs where there are second texts. */
function itemsOf(texts: readonly string[], seconds: readonly string[]): (string | [string, string])[] {
  if (texts.length === 0) throw new InputError("there is nothing to classify; write a text");
  if (seconds.length === 0) return [...texts];
  if (seconds.length !== texts.length) {
    throw new InputError(
      `there are ${texts.length} texts and ${seconds.length} second texts; write a second text for each, or none`,
    );
  }
  return texts.map((text, at) => [text, seconds[at] ?? ""]);
}
