/** Patterns of a `tokenizer.json`, a text or a regular expression of Oniguruma. */

import { TokenizerError } from "../errors.js";
import { libraryTokenizer } from "./library.js";

/** Characters from one to before another, and whether the pattern matches them. */
export type Match = readonly [first: number, stop: number, matched: boolean];

/** A text in matches and what lies between them, in order, nothing left out. */
export type Find = (characters: readonly string[]) => Match[];

/** Runs of characters, each of which is or is not of a class. */
export function ofClass(holds: (character: string) => boolean): Find {
  return (characters) => {
    const matches: Match[] = [];
    let start = 0;
    characters.forEach((character, at) => {
      if (!holds(character)) return;
      if (start < at) matches.push([start, at, false]);
      matches.push([at, at + 1, true]);
      start = at + 1;
    });
    if (start < characters.length) matches.push([start, characters.length, false]);
    return matches;
  };
}

/** All places where a regular expression of JavaScript matches; it has the flags `g` and `u`. */
export function ofExpression(expression: RegExp): Find {
  return (characters) => {
    const text = characters.join("");
    const numberOf = numberCharacters(characters, text.length);
    const matches: Match[] = [];
    let start = 0;
    for (const found of text.matchAll(expression)) {
      const first = numberOf(found.index);
      const stop = numberOf(found.index + found[0].length);
      if (start < first) matches.push([start, first, false]);
      matches.push([first, stop, true]);
      start = stop;
    }
    if (start < characters.length) matches.push([start, characters.length, false]);
    return matches;
  };
}

/** The library turns Oniguruma's spelling into JavaScript's. */
export function patternOf(pattern: unknown): Find {
  try {
    const split = { type: "Split", pattern, behavior: "Isolated", invert: true };
    const library = libraryTokenizer({ pre_tokenizer: split }).pre_tokenizer;
    const expression = (library as unknown as { pattern: RegExp | null }).pattern;
    if (expression === null) throw new Error("it is neither a String nor a Regex");
    return ofExpression(expression);
  } catch (error) {
    throw new TokenizerError(
      `tokenizer.json has a pattern that cannot be read, ${JSON.stringify(pattern)}: ` +
        `${(error as Error).message}; export the model with another tokenizer`,
      { cause: error },
    );
  }
}

/** Place in UTF-16 units → number of the character. */
function numberCharacters(characters: readonly string[], units: number): (at: number) => number {
  if (characters.length === units) return (at) => at;
  const numbers = new Int32Array(units + 1);
  let at = 0;
  characters.forEach((character, number) => {
    numbers[at] = number;
    at += character.length;
  });
  numbers[units] = characters.length;
  return (unit) => numbers[unit]!;
}
