/** Parts of a `tokenizer.json` (https://huggingface.co/docs/tokenizers/components). */

import { TokenizerError } from "../errors.js";

export interface Part {
  type: string;
  [key: string]: unknown;
}

export function unknownPart(kind: string, part: Part): TokenizerError {
  return new TokenizerError(
    `tokenizer.json has a ${kind} of type ${JSON.stringify(part.type)}, which this package does not ` +
      "know; use the Python runtime, or export the model with another tokenizer",
  );
}

/** The parts of a section, in order, a `Sequence` taken apart. */
export function stepsOf(part: unknown, key: string): Part[] {
  if (part === null || part === undefined) return [];
  const found = part as Part;
  if (found.type !== "Sequence") return [found];
  return (found[key] as unknown[]).flatMap((each) => stepsOf(each, key));
}

export function stringOf(part: Part, key: string, usual = ""): string {
  const value = part[key];
  return typeof value === "string" ? value : usual;
}

export function flagOf(part: Part, key: string, usual = false): boolean {
  const value = part[key];
  return typeof value === "boolean" ? value : usual;
}
