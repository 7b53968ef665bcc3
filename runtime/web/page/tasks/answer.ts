/** A question and a context to the answer, marked in the context. */

import { InputError } from "../../src/index.js";
import { element } from "../elements.js";
import { bars } from "../pictures/bars.js";
import { marked } from "../pictures/spans.js";
import { score } from "../words.js";
import { valueOf, type TaskView } from "./view.js";

const SHOWN = 3;

const CONTEXT =
  "The museum opens at ten in the morning. On the first Sunday of the month entry is free. " +
  "Bags are left at the desk beside the door.";

export const answer: TaskView = {
  lead: "Ask a question about a text, and see the answer marked in it.",
  action: "Answer",
  fields: () => [
    { name: "question", label: "Question", value: "When is entry free?", rows: 1 },
    { name: "context", label: "Text that has the answer", value: CONTEXT, rows: 5 },
  ],
  async answer(model, values, signal) {
    const question = valueOf(values, "question");
    const context = valueOf(values, "context");
    if (question === "" || context === "") {
      throw new InputError("a question or the text is missing; write both");
    }
    const found = await model.answer(question, context, { topK: SHOWN, signal });
    const best = found[0];
    const spans = best ? [{ start: best.start, end: best.end, label: "" }] : [];
    const rows = found.map((each) => ({ name: each.text, value: each.score }));
    return {
      sentence: best ? `Answer: ${best.text} (${score(best.score)}).` : "No answer was found.",
      picture: element("div", {}, marked(context, spans), bars("Best answers", rows)),
      texts: [[question, context]],
    };
  },
};
