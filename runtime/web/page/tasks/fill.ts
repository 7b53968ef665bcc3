/** A text with masks to the tokens that may stand there. */

import { element } from "../elements.js";
import { bars } from "../pictures/bars.js";
import { valueOf, type TaskView } from "./view.js";

export const fill: TaskView = {
  lead: "Write a text in which a word is missing, and see which words fit.",
  action: "Fill in",
  fields: ({ mask }) => [
    {
      name: "text",
      label: `Text, with ${mask ?? "a mask"} where a word is missing`,
      value: `Paris is the ${mask ?? ""} of France.`,
      rows: 3,
    },
  ],
  async answer(model, values, signal) {
    const text = valueOf(values, "text");
    const masks = await model.fill(text, { signal });
    const pictures = masks.map((found, at) =>
      bars(
        masks.length === 1 ? "Words that fit" : `Words that fit in place ${at + 1}`,
        found.map((each) => ({ name: each.token, value: each.score })),
      ),
    );
    const best = masks.map((found) => found[0]?.token ?? "").join(", ");
    return { sentence: `Best: ${best}.`, picture: element("div", {}, ...pictures), texts: [text] };
  },
};
