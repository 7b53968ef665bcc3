/** Texts to labels: the probability of each. */

import { InputError } from "../../src/index.js";
import { element } from "../elements.js";
import { bars } from "../pictures/bars.js";
import { lines, score } from "../words.js";
import { valueOf, type TaskView } from "./view.js";

const EXAMPLE = `The delivery was fast and the phone works very well.
It broke after two days, and nobody answers the telephone.`;

export const classify: TaskView = {
  lead: "Write one text in each line, and see which label each gets.",
  action: "Classify",
  fields: () => [{ name: "texts", label: "Texts, one in each line", value: EXAMPLE, rows: 4 }],
  async answer(model, values, signal) {
    const texts = lines(valueOf(values, "texts"));
    if (texts.length === 0) throw new InputError("there is nothing to classify; write a text");
    const found = await model.classify(texts, { signal });
    const pictures = found.map((each, at) =>
      bars(texts[at] ?? "", each.scores.map(({ label, score: value }) => ({ name: label, value }))),
    );
    const best = found.map(({ best: { label, score: value } }, at) =>
      texts.length === 1 ? `${label}, ${score(value)}` : `text ${at + 1}: ${label}, ${score(value)}`,
    );
    return { sentence: `Best label: ${best.join("; ")}.`, picture: element("div", {}, ...pictures), texts };
  },
};
