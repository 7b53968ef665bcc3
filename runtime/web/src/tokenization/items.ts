/** What a tokenizer takes: a text, or two. */

import { InputError } from "../errors.js";
import type { Item } from "../verification/probe.js";

export type { Item };

/** The one string of an item, or its two. */
export function stringsOf(item: Item): readonly string[] {
  return typeof item === "string" ? [item] : item;
}

/** The text, if it is one; `name` is what the message calls it. */
export function checkText(name: string, text: unknown): string {
  if (typeof text !== "string") throw new InputError(`${name} is ${kindOf(text)}, expected a string`);
  const surrogate = text.search(/\p{Surrogate}/u);
  if (surrogate >= 0) {
    throw new InputError(
      `${name} holds a lone surrogate at place ${surrogate}, which is not text; replace it, for example ` +
        "with text.toWellFormed()",
    );
  }
  return text;
}

/** A text or a pair, if the tokenizer can take it. */
export function checkItem(name: string, item: unknown): Item {
  return Array.isArray(item) ? checkPair(name, item) : checkText(name, item);
}

/** Two texts, if the tokenizer can take them. */
export function checkPair(name: string, item: unknown): readonly [string, string] {
  if (!Array.isArray(item)) {
    throw new InputError(`${name} is ${kindOf(item)}, expected a pair of strings: [first, second]`);
  }
  if (item.length !== 2) {
    throw new InputError(`${name} holds ${item.length} texts, expected a string or a pair of strings`);
  }
  return [checkText(`${name}[0]`, item[0]), checkText(`${name}[1]`, item[1])];
}

/** The items of a list. */
export function listed(method: string, items: unknown): unknown[] {
  if (typeof items === "string") {
    throw new InputError(`${method} takes a list of strings, got one string; write ${method}([text])`);
  }
  if (!Array.isArray(items)) throw new InputError(`${method} takes a list of strings, got ${kindOf(items)}`);
  return items;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}
