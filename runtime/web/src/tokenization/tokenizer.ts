/** Texts to token ids, through the tokenizer that a bundle carries. */

import type { TokenizerInfo } from "../bundle/manifest.js";
import { InputError, TokenizerError } from "../errors.js";
import type { Row } from "../inference/encoder.js";
import { slices, SLICE_UNITS } from "./chunking.js";
import { stringsOf, type Item } from "./items.js";
import { JsonTokenizer } from "./json_tokenizer.js";
import { keptPositions, longestFirst, roomIn, sharedTokens, slide, type Range } from "./sliding_window.js";
import { append, countOf, noTokens, take, type Tokens } from "./tokens.js";

/** An item's tokens, nothing cut, and how many they are; 0 where a padding token stands for none. */
export interface EncodedText {
  tokens: Tokens;
  count: number;
}

export class TextTokenizer {
  /** The longest text in tokens, special tokens included. */
  readonly limit: number;
  /** Whether a piece that continues a word shows it by a prefix, as WordPiece's `##`. */
  readonly marksSubwords: boolean;
  private readonly file: JsonTokenizer;

  constructor(
    content: string,
    private readonly info: TokenizerInfo,
  ) {
    this.file = new JsonTokenizer(content);
    this.limit = info.max_length;
    this.marksSubwords = this.file.model.kind === "WordPiece" && this.file.model.subwordPrefix !== "";
    this.check();
  }

  /** Refuse a tokenizer that is not the one which the manifest is about. */
  private check(): void {
    const added = this.file.assemble([noTokens()]).ids.length;
    if (added >= this.limit) {
      throw new TokenizerError(
        `${this.info.file} adds ${added} special tokens to a text, and max_length is ${this.limit}, which ` +
          "leaves no room for the text; export the model with a larger max_length",
      );
    }
    const found = this.idOf(this.info.pad_token);
    if (found !== null && found !== this.info.pad_id) {
      throw new TokenizerError(
        `${this.info.file} has ${JSON.stringify(this.info.pad_token)} as token ${found}, expected ` +
          `${this.info.pad_id} as the manifest says; export the model again`,
      );
    }
  }

  /** The tokens of a text or a pair, nothing cut; `name` is what an error calls it. */
  encode(item: Item, name: string): EncodedText {
    try {
      const tokens = this.file.assemble(stringsOf(item).map((text) => this.tokensOf(text)));
      return tokens.ids.length ? { tokens, count: tokens.ids.length } : { tokens: this.padding(), count: 0 };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(`${name} cannot be tokenized: ${error.message}`, { cause: error });
    }
  }

  /** Without what exceeds the limit; of a pair, the longer loses first. */
  cut({ tokens }: EncodedText): Tokens {
    if (tokens.ids.length <= this.limit) return tokens;
    const room = roomIn(this.limit, countOf(tokens, null));
    const lengths = longestFirst(countOf(tokens, 0), countOf(tokens, 1), room);
    return take(tokens, keptPositions(tokens.sources, lengths.map((stop) => ({ start: 0, stop }))));
  }

  /**
   * Windows over the last text of an item; in each of them what was added, and the first of a pair.
   * `stride` is how many tokens neighbours share; null is the usual.
   */
  windows({ tokens }: EncodedText, window: number, stride: number | null): Tokens[] {
    const last = tokens.sources.includes(1) ? 1 : 0;
    const length = countOf(tokens, last);
    const room = roomIn(window, tokens.ids.length - length);
    const shared = length > room ? sharedTokens(window, room, stride) : 0;
    const first = { start: 0, stop: countOf(tokens, 0) };
    const parts: Range[] = slide(length, room, shared);
    return (parts.length ? parts : [{ start: 0, stop: 0 }]).map((part) =>
      take(tokens, keptPositions(tokens.sources, last ? [first, part] : [part])),
    );
  }

  /** How many tokens neighbouring windows over a single text share. */
  overlap(window: number, stride: number | null): number {
    const added = this.file.assemble([noTokens()]).ids.length;
    return sharedTokens(window, roomIn(window, added), stride);
  }

  /** Id of the token that plays a role, such as `mask_token`; null where there is none. */
  specialId(role: string): number | null {
    const token = this.info.special_tokens[role];
    return token === undefined ? null : this.idOf(token);
  }

  /** Id of a token as the vocabulary spells it. */
  idOf(piece: string): number | null {
    return this.file.idOf(piece);
  }

  /** Ids of a text alone, without special tokens. */
  idsOf(text: string): number[] {
    return this.file.tokensOf(text).ids;
  }

  /** The text that ids stand for. */
  decode(ids: readonly number[], skipSpecials: boolean): string {
    return this.file.decode(ids, skipSpecials);
  }

  /** A text's own tokens; a huge text in slices. */
  private tokensOf(text: string): Tokens {
    if (text.length <= SLICE_UNITS) return this.file.tokensOf(text);
    const whole = noTokens();
    let units = 0;
    let words = 0;
    for (const part of slices(text, (each) => this.idsOf(each))) {
      const tokens = this.file.tokensOf(part);
      append(whole, tokens, units, words);
      units += part.length;
      words += 1 + (tokens.words.at(-1) ?? -1);
    }
    return whole;
  }

  /** A text without any token as one padding token: a graph runs no row of length 0. */
  private padding(): Tokens {
    const { pad_id, pad_type_id, pad_token } = this.info;
    return {
      ids: [pad_id],
      types: [pad_type_id],
      pieces: [pad_token],
      starts: [0],
      ends: [0],
      words: [null],
      sources: [null],
    };
  }
}

/** Tokens as a graph takes them. */
export function rowOf(tokens: Tokens): Row {
  return { ids: tokens.ids, types: tokens.types, mask: tokens.ids.map(() => 1) };
}
