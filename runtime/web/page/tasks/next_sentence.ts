/** Two texts to the probability that the second follows the first. */

import { InputError } from "../../src/index.js";
import { bars } from "../pictures/bars.js";
import { score } from "../words.js";
import { valueOf, type TaskView } from "./view.js";

export const nextSentence: TaskView = {
  lead: "Write two texts, and see how probable it is that the second follows the first.",
  action: "Compare",
  fields: () => [
    { name: "first", label: "First text", value: "She opened the door.", rows: 2 },
    { name: "second", label: "Second text", value: "The room behind it was empty.", rows: 2 },
  ],
  async answer(model, values, signal) {
    const first = valueOf(values, "first");
    const second = valueOf(values, "second");
    if (first === "" || second === "") throw new InputError("a text is missing; write both");
    const probability = await model.score(first, second, { signal });
    const rows = [
      { name: "follows", value: probability },
      { name: "does not follow", value: 1 - probability },
    ];
    return {
      sentence: `The second text follows the first with probability ${score(probability)}.`,
      picture: bars("Whether the second text follows", rows),
      texts: [[first, second]],
    };
  },
};
