/** The tokens of a text, in columns: where each lies, and which text and word it is of. */

/** All columns have an entry for each token. */
export interface Tokens {
  ids: number[];
  /** Segment of each token. */
  types: number[];
  /** The tokens as the vocabulary spells them, such as `##able`. */
  pieces: string[];
  /** First place and the one behind the last, in UTF-16 units of the string a token is from. */
  starts: number[];
  ends: number[];
  /** Number of each token's word in its string; null where there is none. */
  words: (number | null)[];
  /** 0 for the first text, 1 for the second, null for tokens that were added. */
  sources: (number | null)[];
}

const COLUMNS = ["ids", "types", "pieces", "starts", "ends", "words", "sources"] as const;

export function noTokens(): Tokens {
  return { ids: [], types: [], pieces: [], starts: [], ends: [], words: [], sources: [] };
}

/** Only the tokens at some positions. */
export function take(tokens: Tokens, kept: readonly number[]): Tokens {
  const found = noTokens();
  for (const name of COLUMNS) {
    const column: unknown[] = found[name];
    for (const at of kept) column.push(tokens[name][at]);
  }
  return found;
}

/** Add the tokens of another text, behind so many UTF-16 units and words. */
export function append(tokens: Tokens, more: Tokens, units = 0, words = 0): void {
  for (const name of COLUMNS) {
    const column: unknown[] = tokens[name];
    for (const each of more[name]) column.push(each);
  }
  if (!units && !words) return;
  for (let at = tokens.ids.length - more.ids.length; at < tokens.ids.length; at += 1) {
    tokens.starts[at]! += units;
    tokens.ends[at]! += units;
    const word = tokens.words[at]!;
    tokens.words[at] = word === null ? null : word + words;
  }
}

/** With the same segment, or the same text, for each token. */
export function marked(tokens: Tokens, type: number, source: number): Tokens {
  return { ...tokens, types: tokens.ids.map(() => type), sources: tokens.ids.map(() => source) };
}

/** How many tokens are of a text; null asks for those that were added. */
export function countOf(tokens: Tokens, source: number | null): number {
  return tokens.sources.reduce<number>((sum, each) => sum + (each === source ? 1 : 0), 0);
}
