/** Texts to vectors: how similar each text is to each. */

import { InputError } from "../../src/index.js";
import { matrix } from "../pictures/matrix.js";
import { lines, score } from "../words.js";
import { valueOf, type TaskView } from "./view.js";

const EXAMPLE = `How long until I get my money back?
The refund reached the bank account nine days after the parcel was sent back.
Returns are paid out within two weeks.
Boil the pasta two minutes less than the packet says.
She trained for the marathon by running to work.`;

export const embed: TaskView = {
  lead: "Write one text in each line, and see how similar each is to each.",
  action: "Compare",
  fields: () => [{ name: "texts", label: "Texts, one in each line", value: EXAMPLE, rows: 6 }],
  async answer(model, values, signal) {
    const texts = lines(valueOf(values, "texts"));
    if (texts.length < 2) throw new InputError("there is nothing to compare; write two lines or more");
    const vectors = await model.embed(texts, { signal });
    const similar = vectors.map((one) => vectors.map((other) => cosine(one, other)));
    return { sentence: closest(similar), picture: matrix(texts, similar), texts };
  },
};

export function cosine(one: Float32Array, other: Float32Array): number {
  let product = 0;
  let ones = 0;
  let others = 0;
  one.forEach((value, at) => {
    const beside = other[at] ?? 0;
    product += value * beside;
    ones += value * value;
    others += beside * beside;
  });
  return product / Math.sqrt(ones * others) || 0;
}

function closest(similar: readonly (readonly number[])[]): string {
  let best = { first: 0, second: 1, value: -Infinity };
  similar.forEach((row, first) =>
    row.forEach((value, second) => {
      if (first < second && value > best.value) best = { first, second, value };
    }),
  );
  const { first, second, value } = best;
  return `Texts ${first + 1} and ${second + 1} are the most similar: ${score(value)}.`;
}
