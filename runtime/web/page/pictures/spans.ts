/** Pieces of a text, marked in it. */

import { element, type Child } from "../elements.js";

const COLOURS = 7;

export interface Span {
  /** In UTF-16 units, as `String.slice` counts. */
  start: number;
  end: number;
  label: string;
}

/** Spans in the order of the text; of two that share a character the first is marked. */
export function marked(text: string, spans: readonly Span[]): HTMLElement {
  const labels = [...new Set(spans.map((span) => span.label))];
  const parts: Child[] = [];
  let done = 0;
  for (const span of spans) {
    if (span.start < done) continue;
    parts.push(text.slice(done, span.start), mark(text, span, labels.indexOf(span.label)));
    done = span.end;
  }
  return element("p", { class: "marked" }, ...parts, text.slice(done));
}

function mark(text: string, span: Span, colour: number): HTMLElement {
  const made = element("mark", {}, text.slice(span.start, span.end));
  if (span.label) made.append(" ", element("span", { class: "label" }, span.label));
  made.style.setProperty("--colour", `var(--series-${colour % COLOURS})`);
  return made;
}
