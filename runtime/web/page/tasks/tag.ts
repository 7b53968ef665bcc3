/** A text to entities, marked in it. */

import { InputError } from "../../src/index.js";
import { element } from "../elements.js";
import { bars } from "../pictures/bars.js";
import { marked } from "../pictures/spans.js";
import { count } from "../words.js";
import { valueOf, type TaskView } from "./view.js";

const EXAMPLE =
  "Ada Lovelace lived in London and wrote to Charles Babbage of the Royal Society about his engine.";

export const tag: TaskView = {
  lead: "Write a text, and see the entities in it.",
  action: "Find entities",
  fields: () => [{ name: "text", label: "Text", value: EXAMPLE, rows: 4 }],
  async answer(model, values, signal) {
    const text = valueOf(values, "text");
    if (text === "") throw new InputError("there is nothing to tag; write a text");
    const [entities = []] = await model.tag([text], { signal });
    const rows = entities.map((each) => ({ name: `${each.text} (${each.label})`, value: each.score }));
    const picture = element("div", {}, marked(text, entities));
    if (rows.length > 0) picture.append(bars("Entities and their probabilities", rows));
    return { sentence: `${count(entities.length, "entity", "entities")} found.`, picture, texts: [text] };
  },
};
