/** What the page asks for in a task, and how it shows the answer. */

import type { Model } from "../model.js";
import type { Settings } from "../settings.js";

/** A field to type into. */
export interface Field {
  name: string;
  label: string;
  /** What stands in it at first. */
  value: string;
  /** Height in lines; a field of one line is no text area. */
  rows: number;
}

export type Values = Readonly<Record<string, string>>;

export interface Shown {
  /** The answer in one sentence, which screen readers say. */
  sentence: string;
  picture: Node;
  /** The texts that the model has read, of which tokens are counted. */
  texts: readonly (string | [string, string])[];
}

export interface TaskView {
  /** What to do, in one sentence. */
  lead: string;
  /** On the button. */
  action: string;
  fields(settings: Settings): Field[];
  answer(model: Model, values: Values, signal: AbortSignal): Promise<Shown>;
}

/** The text of a field. */
export function valueOf(values: Values, name: string): string {
  return (values[name] ?? "").trim();
}
