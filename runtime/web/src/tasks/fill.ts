/** What a masked token may have been. */

import { BundleError, InputError } from "../errors.js";
import { softmax } from "../postprocessing/activations.js";
import { descending } from "../postprocessing/order.js";
import { rowAt } from "../postprocessing/rows.js";
import { checkText, type Item } from "../tokenization/items.js";
import type { Comparable, Measure } from "../verification/probe.js";
import { TaskModel, type EncodedItem, type Parts, type Ran } from "./base.js";
import { requirePositive, type Chosen, type ShortOptions } from "./options.js";

/** One token for one mask. */
export interface Filling {
  /** How the token reads. */
  token: string;
  tokenId: number;
  /** Its probability among the whole vocabulary. */
  score: number;
  /**
   * The text with the token in the mask's place, as the tokenizer spells it; with its special tokens
   * where the text has further masks.
   */
  sequence: string;
}

export interface FillOptions extends ShortOptions {
  /** How many tokens for each mask. */
  topK?: number;
  /**
   * Only these tokens; spelt as the vocabulary does or as text that is one token. Scores stay those
   * among the whole vocabulary.
   */
  targets?: readonly string[] | null;
}

export class MaskFiller extends TaskModel<FillOptions, Filling[][]> {
  readonly measure: Measure = "probabilities";
  protected readonly defaults = { topK: 5, targets: null, long: "truncate" } as const;
  protected readonly probeOptions = { topK: 64 }; // what is not among so many is below 1/64
  protected override readonly pairs = false;
  protected override readonly slides = false;
  protected override readonly chunkItems = 1; // a token has a score for every token of the vocabulary
  private readonly maskId: number;
  private readonly unknownId: number | null;

  constructor(parts: Parts) {
    super(parts);
    this.requireHead("softmax");
    const maskId = this.tokenizer.specialId("mask_token");
    if (maskId === null) {
      throw new BundleError(
        `${parts.host.info.bundle} has task 'fill', but its tokenizer has no mask_token; export it again`,
      );
    }
    this.maskId = maskId;
    this.unknownId = this.tokenizer.specialId("unk_token");
  }

  /** For each mask of a text, in order, its tokens by falling score. */
  async fill(text: string, options: FillOptions = {}): Promise<Filling[][]> {
    const [masks] = await this.run("fill", [checkText("text", text)], options);
    return masks;
  }

  protected override nameOf(index: number, count: number): string {
    return count === 1 ? "text" : super.nameOf(index, count);
  }

  protected override checkOptions({ topK, targets }: Chosen<FillOptions>): void {
    requirePositive("topK", topK);
    this.targetIds(targets);
  }

  protected override encode(item: Item, name: string, options: Chosen<FillOptions>): EncodedItem {
    const encoded = super.encode(item, name, options);
    const [{ ids }] = encoded.rows;
    if (!ids.includes(this.maskId)) {
      const mask = this.manifest.tokenizer.special_tokens.mask_token;
      throw new InputError(
        `${name} has no ${mask} among its first ${ids.length} tokens; put ${mask} where a token is to be filled in`,
      );
    }
    return encoded;
  }

  protected decode(_item: EncodedItem, [row]: readonly Ran[], options: Chosen<FillOptions>): Filling[][] {
    const { tokens, output } = row;
    const masks = tokens.ids.flatMap((id, at) => (id === this.maskId ? [at] : []));
    const allowed = this.targetIds(options.targets);
    return masks.map((mask) => {
      const scores = softmax(rowAt(output.logits, mask));
      return bestIds(scores, allowed, options.topK).map((tokenId) => ({
        token: this.tokenizer.decode([tokenId], false),
        tokenId,
        score: scores[tokenId],
        sequence: this.sequence(tokens.ids, mask, tokenId, masks.length === 1),
      }));
    });
  }

  protected comparable(masks: Filling[][]): Comparable {
    return masks.map((mask) => new Map(mask.map(({ tokenId, score }) => [String(tokenId), score])));
  }

  /** Further masks are special tokens, too: skipping those would hide what is still open. */
  private sequence(ids: readonly number[], mask: number, tokenId: number, alone: boolean): string {
    const filled = ids.map((id, at) => (at === mask ? tokenId : id));
    const { pad_id } = this.manifest.tokenizer;
    return this.tokenizer.decode(filled.filter((id) => id !== pad_id), alone);
  }

  private targetIds(targets: readonly string[] | null): number[] | null {
    if (targets === null) return null;
    if (!Array.isArray(targets) || !targets.length) {
      throw new InputError(`targets must be a list of one token or more, got ${JSON.stringify(targets)}`);
    }
    return targets.map((target, index) => this.targetId(index, target));
  }

  private targetId(index: number, target: string): number {
    checkText(`target ${index}`, target);
    const known = this.tokenizer.idOf(target);
    if (known !== null) return known;
    const ids = this.tokenizer.idsOf(target);
    if (ids.length !== 1 || ids[0] === this.unknownId) {
      const pieces = ids.map((id) => this.tokenizer.decode([id], false));
      throw new InputError(
        `target ${index}, ${JSON.stringify(target)}, is ${ids.length} tokens to this model ` +
          `(${JSON.stringify(pieces)}), expected exactly one`,
      );
    }
    return ids[0];
  }
}

/** Token ids by falling score, at most `topK`, each once; null allows the whole vocabulary. */
export function bestIds(scores: Float32Array, allowed: readonly number[] | null, topK: number): number[] {
  if (allowed === null) return descending(scores).slice(0, topK);
  const ids = [...new Set(allowed)].sort((one, other) => one - other);
  return descending(ids.map((id) => scores[id]))
    .slice(0, topK)
    .map((at) => ids[at]);
}
