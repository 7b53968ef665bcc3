/** The library `@huggingface/tokenizers`, of which the models, decoders and patterns are used. */

import { Tokenizer } from "@huggingface/tokenizers";

const EMPTY = {
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: "WordPiece", vocab: {}, unk_token: "" },
};

/** A tokenizer of the library that has only some sections of a `tokenizer.json`. */
export function libraryTokenizer(sections: Record<string, unknown>): Tokenizer {
  return new Tokenizer({ ...EMPTY, ...sections }, {});
}
