/** What the library's model makes of a word: tokens, and how many characters each stands for. */

import { InputError, TokenizerError } from "../errors.js";
import { libraryTokenizer } from "./library.js";
import { utf8Length } from "./unicode.js";

/** A token of a word, which stands for its characters from `first` to before `stop`. */
export interface WordToken {
  id: number;
  piece: string;
  first: number;
  stop: number;
}

const BYTE = /^<0x[0-9A-F]{2}>$/;

function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

interface ModelFields {
  type?: string;
  unk_token?: string | null;
  unk_id?: number | null;
  continuing_subword_prefix?: string | null;
  end_of_word_suffix?: string | null;
  fuse_unk?: boolean;
  byte_fallback?: boolean;
  vocab?: unknown;
}

interface LibraryModel {
  (words: string[]): string[];
  tokens_to_ids: Map<string, number>;
  vocab: string[];
}

const KINDS = ["WordPiece", "BPE", "Unigram"] as const;
type Kind = (typeof KINDS)[number];

export class WordModel {
  readonly kind: Kind;
  /** What a piece begins with that continues a word; empty where nothing does. */
  readonly subwordPrefix: string;
  private readonly model: LibraryModel;
  private readonly unknown: string | null;
  private readonly fields: ModelFields;

  constructor(tokenizer: Record<string, unknown>) {
    const fields = tokenizer.model as ModelFields;
    this.kind = kindOf(fields);
    this.fields = fields;
    this.subwordPrefix = fields.continuing_subword_prefix ?? "";
    if (this.kind === "BPE" && this.subwordPrefix) {
      throw new TokenizerError(
        "tokenizer.json has BPE with a continuing_subword_prefix, which this package does not know; use " +
          "the Python runtime",
      );
    }
    this.model = libraryModel(tokenizer, this.kind);
    this.unknown = unknownOf(fields, this.kind);
  }

  get vocabulary(): ReadonlyMap<string, number> {
    return this.model.tokens_to_ids;
  }

  /** Id → token. */
  get pieces(): readonly (string | undefined)[] {
    return this.model.vocab;
  }

  /** The tokens of a word, of characters as the pre-tokenizer gives them. */
  tokens(characters: readonly string[]): WordToken[] {
    const pieces = this.model([characters.join("")]);
    if (this.kind === "WordPiece") return this.wordPieces(pieces, characters.length);
    return this.kind === "BPE" ? this.bytePairs(pieces, characters) : this.unigrams(pieces, characters.length);
  }

  private wordPieces(pieces: readonly string[], length: number): WordToken[] {
    if (pieces.length === 1) return [{ id: this.idOf(pieces[0]!), piece: pieces[0]!, first: 0, stop: length }];
    const prefix = Array.from(this.subwordPrefix).length;
    let at = 0;
    return pieces.map((piece) => {
      const first = at;
      at += Array.from(piece).length - (first ? prefix : 0);
      return { id: this.idOf(piece), piece, first, stop: at };
    });
  }

  private unigrams(pieces: readonly string[], length: number): WordToken[] {
    let at = 0;
    const tokens = pieces.flatMap((piece) => {
      const first = at;
      at += Array.from(piece).length;
      const bytes = this.vocabulary.has(piece) ? null : this.bytesOf(piece);
      const written = bytes ?? [piece];
      return written.map((each) => ({ id: this.idOf(each), piece: each, first, stop: at }));
    });
    if (at !== length) {
      throw new InputError(
        `a word holds ${JSON.stringify(this.unknown)} as text beside characters that the vocabulary lacks, which ` +
          "the library loses; leave it out",
      );
    }
    return tokens;
  }

  private bytePairs(pieces: readonly string[], characters: readonly string[]): WordToken[] {
    const suffix = Array.from(this.fields.end_of_word_suffix ?? "").length;
    let at = 0;
    let bytes = 0;
    return pieces.map((piece, index) => {
      const first = at;
      if (this.fields.byte_fallback && BYTE.test(piece)) {
        bytes = (bytes || utf8Length(characters[at]!)) - 1;
        if (bytes === 0) at += 1;
        return { id: this.idOf(piece), piece, first, stop: first + 1 };
      }
      const own = Array.from(piece).length - (index === pieces.length - 1 ? suffix : 0);
      at += piece === this.unknown ? this.unknownLength(characters, first) : own;
      return { id: this.idOf(piece), piece, first, stop: at };
    });
  }

  /** Characters that an unknown token stands for: one, or all that follow each other. */
  private unknownLength(characters: readonly string[], first: number): number {
    let at = first + 1;
    while (this.fields.fuse_unk && at < characters.length && !this.vocabulary.has(characters[at]!)) at += 1;
    return at - first;
  }

  /** The tokens of bytes that stand for an unknown text; null where the model has none. */
  private bytesOf(text: string): string[] | null {
    if (!this.fields.byte_fallback) return null;
    const written = Array.from(new TextEncoder().encode(text), byteToken);
    return written.every((each) => this.vocabulary.has(each)) ? written : null;
  }

  private idOf(piece: string): number {
    const id = this.vocabulary.get(piece) ?? (this.unknown === null ? undefined : this.vocabulary.get(this.unknown));
    if (id === undefined) {
      throw new InputError(
        `the vocabulary has no token for ${JSON.stringify(piece)} and none for what it lacks; leave it out, ` +
          "or export the model with a tokenizer that has an unknown token",
      );
    }
    return id;
  }
}

function kindOf(fields: ModelFields): Kind {
  const shape = Array.isArray(fields.vocab) ? "Unigram" : "merges" in fields ? "BPE" : "WordPiece";
  const found = KINDS.find((kind) => kind === (fields.type ?? shape));
  if (found) return found;
  throw new TokenizerError(
    `tokenizer.json has a model of type ${JSON.stringify(fields.type)}, expected ${KINDS.join(", ")}; use the ` +
      "Python runtime",
  );
}

/** The library's model alone: it would look for added tokens in its vocabulary, too. */
function libraryModel(tokenizer: Record<string, unknown>, kind: Kind): LibraryModel {
  const model = { ...(tokenizer.model as object), type: kind };
  return libraryTokenizer({ model }).model as unknown as LibraryModel;
}

function unknownOf(fields: ModelFields, kind: Kind): string | null {
  if (kind !== "Unigram") return fields.unk_token ?? null;
  const vocab = fields.vocab as [string, number][];
  return typeof fields.unk_id === "number" ? (vocab[fields.unk_id]?.[0] ?? null) : null;
}

