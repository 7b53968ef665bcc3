/** Bars on one scale, as a table: a name, a bar and a number in each row. */

import { element } from "../elements.js";
import { score } from "../words.js";

export interface Bar {
  name: string;
  value: number;
}

/** Draws them from 0 to 1; where a value lies outside, from the lowest to the highest. */
export function bars(caption: string, rows: readonly Bar[]): HTMLElement {
  const values = rows.map((row) => row.value);
  const low = Math.min(0, ...values);
  const high = Math.max(1, ...values);
  return element(
    "table",
    { class: "bars" },
    element("caption", {}, caption),
    element("tbody", {}, ...rows.map((row) => barRow(row, (row.value - low) / (high - low)))),
  );
}

function barRow(row: Bar, share: number): HTMLElement {
  const bar = element("div", { class: "bar" });
  bar.style.width = `${100 * share}%`;
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, row.name),
    element("td", { class: "track", "aria-hidden": "true" }, bar),
    element("td", { class: "number" }, score(row.value)),
  );
}
