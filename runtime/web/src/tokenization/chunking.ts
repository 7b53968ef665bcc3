/**
 * Cut a huge text where its tokens would have ended anyway.
 *
 * Tokenizing takes a hundred times a text's size in memory. A slice ends at white space or
 * punctuation where both sides, tokenized apart, give the tokens they give together; that is tried
 * on the spot, so it holds for every kind of tokenizer.
 */

import { isWhiteSpace } from "./unicode.js";

/** Longest text that is tokenized at once, in UTF-16 units. */
export const SLICE_UNITS = 100_000;

/** On each side of a cut, what is tokenized to try it. */
const NEARBY = 200;

/** Places tried before a slice is made longer, and after that again. */
const TRIES = 50;

/** Punctuation of Chinese and Japanese. */
const MARKS = "。，、；：！？";

type IdsOf = (text: string) => number[];

/**
 * A text in order, each part with the tokens that it has in the whole. A text that has no place to
 * cut, for example one long word, comes in one part.
 */
export function slices(text: string, idsOf: IdsOf, size = SLICE_UNITS): string[] {
  const found: string[] = [];
  let start = 0;
  while (text.length - start > size) {
    const cut = safeCut(text, start + size, start, idsOf);
    if (cut === null) break;
    found.push(text.slice(start, cut));
    start = cut;
  }
  return [...found, text.slice(start)];
}

/** A place to cut, before `near` if there is one, else after it. */
function safeCut(text: string, near: number, start: number, idsOf: IdsOf): number | null {
  const ways = [
    { from: near, step: -1, stop: start },
    { from: near + 1, step: 1, stop: text.length - 1 },
  ];
  for (const { from, step, stop } of ways) {
    let tries = 0;
    for (let at = from; at !== stop && tries < TRIES; at += step) {
      if (!isPlace(text, at)) continue;
      tries += 1;
      if (isSafe(text, at, idsOf)) return at;
    }
  }
  return null;
}

/** Before white space that stands alone, and behind marks of languages that write without. */
function isPlace(text: string, at: number): boolean {
  const isSpace = (place: number): boolean => isWhiteSpace(text[place] ?? "a");
  return (!isSpace(at - 1) && isSpace(at) && !isSpace(at + 1)) || MARKS.includes(text[at - 1] ?? "a");
}

function isSafe(text: string, cut: number, idsOf: IdsOf): boolean {
  const before = text.slice(wholeCharacter(text, Math.max(cut - NEARBY, 0)), cut);
  const after = text.slice(cut, wholeCharacter(text, Math.min(cut + NEARBY, text.length)));
  return String([...idsOf(before), ...idsOf(after)]) === String(idsOf(before + after));
}

/** A place that is not within a surrogate pair. */
function wholeCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code < 0xe000 ? at - 1 : at;
}
