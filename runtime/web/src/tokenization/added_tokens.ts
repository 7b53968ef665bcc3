/** Tokens beside the vocabulary, which are found in a text before it is normalized or split. */

import type { Normalizer } from "./normalizer.js";
import { PlacedText } from "./placed_text.js";
import { isWhiteSpace } from "./unicode.js";

export interface AddedToken {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}

/** A part of a text: an added token, or what is left to the model. */
export interface Piece {
  text: PlacedText;
  token: AddedToken | null;
}

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

interface Node {
  next: Map<string, Node>;
  token: AddedToken | null;
}

export class AddedTokens {
  private readonly raw: Node;
  private readonly normalized: Node;

  constructor(
    tokens: readonly AddedToken[],
    private readonly normalize: Normalizer,
  ) {
    const trieOf = (normalized: boolean): Node =>
      buildTrie(tokens.filter((token) => token.normalized === normalized).map((token) => [this.spelling(token), token]));
    this.raw = trieOf(false);
    this.normalized = trieOf(true);
  }

  /** A token as it is found in a text, and as the Rust library decodes it. */
  spelling({ content, normalized }: AddedToken): string {
    return normalized ? this.normalize(PlacedText.of(content)).text : content;
  }

  /** A text, normalized, in added tokens and what lies between them; no part is empty. */
  split(text: string): Piece[] {
    return split(PlacedText.of(text), this.raw)
      .flatMap((piece) => (piece.token ? [piece] : split(this.normalize(piece.text), this.normalized)))
      .filter((piece) => piece.text.length);
  }
}

function buildTrie(tokens: readonly (readonly [string, AddedToken])[]): Node {
  const root: Node = { next: new Map(), token: null };
  for (const [content, token] of tokens) {
    if (!content) continue;
    let node = root;
    for (const character of content) {
      let child = node.next.get(character);
      if (!child) node.next.set(character, (child = { next: new Map(), token: null }));
      node = child;
    }
    node.token ??= token;
  }
  return root;
}

function split(text: PlacedText, trie: Node): Piece[] {
  const { characters } = text;
  const pieces: Piece[] = [];
  let done = 0;
  for (let at = 0; at < characters.length; ) {
    const found = longestAt(characters, at, trie);
    if (!found) {
      at += 1;
      continue;
    }
    const { token, stop } = found;
    if (!token.single_word || isAlone(characters, at, stop)) {
      const [first, last] = widened(characters, at, stop, token);
      const start = Math.max(first, done);
      if (done < start) pieces.push({ text: text.slice(done, start), token: null });
      pieces.push({ text: text.slice(start, last), token });
      done = last;
    }
    at = stop;
  }
  if (done < characters.length) pieces.push({ text: text.slice(done, characters.length), token: null });
  return pieces;
}

function longestAt(
  characters: readonly string[],
  first: number,
  trie: Node,
): { token: AddedToken; stop: number } | null {
  let found = null;
  let node = trie.next.get(characters[first]!);
  for (let at = first + 1; node; at += 1) {
    if (node.token) found = { token: node.token, stop: at };
    if (at >= characters.length) break;
    node = node.next.get(characters[at]!);
  }
  return found;
}

function isAlone(characters: readonly string[], first: number, stop: number): boolean {
  const inWord = (at: number): boolean => at >= 0 && at < characters.length && WORD.test(characters[at]!);
  return !inWord(first - 1) && !inWord(stop);
}

/** With the white space that a token takes. */
function widened(characters: readonly string[], first: number, stop: number, token: AddedToken): [number, number] {
  const isSpace = (at: number): boolean => at >= 0 && at < characters.length && isWhiteSpace(characters[at]!);
  while (token.lstrip && isSpace(first - 1)) first -= 1;
  while (token.rstrip && isSpace(stop)) stop += 1;
  return [first, stop];
}
