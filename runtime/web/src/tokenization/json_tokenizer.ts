/** A `tokenizer.json`: one text, or two, to tokens and places, as the Rust library has them. */

import { EdgebertError, TokenizerError } from "../errors.js";
import { AddedTokens, type AddedToken, type Piece } from "./added_tokens.js";
import { libraryTokenizer } from "./library.js";
import { buildNormalizer } from "./normalizer.js";
import { buildPostProcessor, type PostProcessor } from "./post_processor.js";
import { buildPreTokenizer, type PreTokenizer } from "./pre_tokenizer.js";
import { noTokens, type Tokens } from "./tokens.js";
import { WordModel } from "./word_model.js";

interface LibraryDecoder {
  added_tokens: { content: string }[];
  decode(tokens: string[]): string;
}

/**
 * The library `@huggingface/tokenizers` has the models and the decoders. What comes before a model
 * is ours: the library's differs from the Rust one, and has no places (docs/decisions/0037).
 */
export class JsonTokenizer {
  readonly model: WordModel;
  private readonly added: AddedTokens;
  private readonly preTokenize: PreTokenizer;
  private readonly postProcess: PostProcessor;
  private readonly decoder: LibraryDecoder | null;
  private readonly addedIds: ReadonlyMap<string, number>;
  private readonly addedPieces: ReadonlyMap<number, string>;
  private readonly specials: ReadonlySet<string>;

  constructor(content: string) {
    try {
      const file = JSON.parse(content) as Record<string, unknown>;
      const added = (file.added_tokens ?? []) as AddedToken[];
      this.model = new WordModel(file);
      this.added = new AddedTokens(added, buildNormalizer(file.normalizer));
      this.preTokenize = buildPreTokenizer(file.pre_tokenizer);
      this.postProcess = buildPostProcessor(file.post_processor);
      this.addedIds = new Map(added.map(({ content, id }) => [content, id]));
      this.addedPieces = new Map(added.map((token) => [token.id, this.added.spelling(token)]));
      this.decoder = libraryDecoder(file, [...this.addedPieces.values()]);
      this.specials = new Set(added.flatMap((each) => (each.special ? [each.content] : [])));
    } catch (error) {
      if (error instanceof EdgebertError) throw error;
      throw new TokenizerError(
        `tokenizer.json cannot be read: ${(error as Error).message}; export the model again`,
        { cause: error },
      );
    }
  }

  idOf(piece: string): number | null {
    return this.addedIds.get(piece) ?? this.model.vocabulary.get(piece) ?? null;
  }

  /** The tokens of a text alone, without any that are added. */
  tokensOf(text: string): Tokens {
    const found = noTokens();
    let word = 0;
    for (const piece of this.added.split(text)) word = this.addPiece(found, piece, word);
    return found;
  }

  /** The tokens of one text, or of two, with those that are added. */
  assemble(texts: readonly Tokens[]): Tokens {
    return this.postProcess(texts);
  }

  /** The text that ids stand for; ids that nobody has are left out. */
  decode(ids: readonly number[], skipSpecials: boolean): string {
    const pieces = ids.flatMap((id) => this.addedPieces.get(id) ?? this.model.pieces[id] ?? []);
    const shown = skipSpecials ? pieces.filter((piece) => !this.specials.has(piece)) : pieces;
    if (!shown.length) return "";
    return this.decoder ? this.decoder.decode(shown) : shown.join(" ");
  }

  /** Add the tokens of a piece; gives the number of the next word. */
  private addPiece(found: Tokens, { text, token }: Piece, word: number): number {
    if (token) {
      push(found, token.id, text.text, text.placeOf(0, text.length), word);
      return word + 1;
    }
    for (const part of this.preTokenize(text)) {
      for (const { id, piece, first, stop } of this.model.tokens(part.characters)) {
        push(found, id, piece, part.placeOf(first, stop), word);
      }
      word += 1;
    }
    return word;
  }
}

function push(
  tokens: Tokens,
  id: number,
  piece: string,
  [start, end]: readonly [number, number],
  word: number,
): void {
  tokens.ids.push(id);
  tokens.types.push(0);
  tokens.pieces.push(piece);
  tokens.starts.push(start);
  tokens.ends.push(end);
  tokens.words.push(word);
  tokens.sources.push(0);
}

function libraryDecoder(file: Record<string, unknown>, added: readonly string[]): LibraryDecoder | null {
  const { decoder } = libraryTokenizer({ decoder: file.decoder ?? null });
  if (decoder === null) return null;
  const found = decoder as unknown as LibraryDecoder;
  found.added_tokens = added.map((content) => ({ content }));
  return found;
}
