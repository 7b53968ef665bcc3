/** A query and documents to documents by falling relevance. */

import { InputError } from "../../src/index.js";
import { bars } from "../pictures/bars.js";
import { lines } from "../words.js";
import { valueOf, type TaskView } from "./view.js";

const DOCUMENTS = `Returns are paid out within two weeks.
The museum opens at ten.
Restart the router before calling support.
The refund reached the bank account nine days after the parcel was sent back.`;

export const rank: TaskView = {
  lead: "Write a query and one document in each line, and see which documents fit best.",
  action: "Rank",
  fields: () => [
    { name: "query", label: "Query", value: "How long until I get my money back?", rows: 1 },
    { name: "documents", label: "Documents, one in each line", value: DOCUMENTS, rows: 5 },
  ],
  async answer(model, values, signal) {
    const query = valueOf(values, "query");
    const documents = lines(valueOf(values, "documents"));
    if (query === "" || documents.length === 0) {
      throw new InputError("a query or the documents are missing; write both");
    }
    const found = await model.rank(query, documents, { signal });
    const rows = found.map((each) => ({ name: each.text, value: each.score }));
    return {
      sentence: `Best document: ${found[0]?.text ?? ""}`,
      picture: bars("Documents by falling relevance", rows),
      texts: documents.map((document): [string, string] => [query, document]),
    };
  },
};
