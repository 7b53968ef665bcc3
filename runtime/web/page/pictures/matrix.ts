/** Similarities of texts as a table whose cells are coloured by their value. */

import { element, scrolling } from "../elements.js";

/** The strongest colour, so that the number in the cell stays readable. */
const STRONGEST = 45;

/** `values` is (texts, texts), from -1 to 1. */
export function matrix(texts: readonly string[], values: readonly (readonly number[])[]): HTMLElement {
  const numbers = texts.map((_, at) => element("th", { scope: "col" }, String(at + 1)));
  const caption = "Cosine similarity of each text with each";
  const table = element(
    "table",
    { class: "matrix" },
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "text"), ...numbers)),
    element("tbody", {}, ...texts.map((text, at) => matrixRow(at, text, values[at] ?? []))),
  );
  return scrolling(caption, table);
}

function matrixRow(at: number, text: string, values: readonly number[]): HTMLElement {
  const name = element("th", { scope: "row" }, `${at + 1} ${text}`);
  return element("tr", {}, name, ...values.map(cell));
}

function cell(value: number): HTMLElement {
  const rounded = Math.round(100 * value) / 100 || 0; // not -0
  const made = element("td", { class: "number" }, rounded.toFixed(2));
  const share = Math.round(STRONGEST * Math.max(0, value));
  made.style.background = `color-mix(in srgb, var(--series-0) ${share}%, var(--paper))`;
  return made;
}
