/** Documents in the order in which they answer a query. */

import type { HeadInfo } from "../bundle/manifest.js";
import { BundleError } from "../errors.js";
import { ACTIVATIONS, type Activation } from "../postprocessing/activations.js";
import { best } from "../postprocessing/order.js";
import { maxPool } from "../postprocessing/windows.js";
import { checkText, listed } from "../tokenization/items.js";
import type { Comparable, Measure } from "../verification/probe.js";
import { TaskModel, type EncodedItem, type Parts, type Ran } from "./base.js";
import { requireTopK, type Chosen, type LongOptions } from "./options.js";

export interface RankedDocument {
  /** Its place in the list given, from 0. */
  index: number;
  text: string;
  /** Relevance: from 0 to 1 where the manifest's activation is `sigmoid`, any number where it is `none`. */
  score: number;
}

export interface RankOptions extends LongOptions {
  /** How many documents at most; null returns all. */
  topK?: number | null;
}

/** An item of `predict` is a pair of query and document, its answer is their score. */
export class Ranker extends TaskModel<RankOptions, number> {
  readonly measure: Measure = "scores";
  protected readonly defaults = { topK: null, long: "truncate", stride: null } as const;
  protected readonly probeOptions = {};
  private readonly head: HeadInfo;

  constructor(parts: Parts) {
    super(parts);
    this.head = this.requireHead("sigmoid", "none");
    this.requireLabels(this.head);
    const { length } = this.head.labels;
    if (length !== 1) {
      throw new BundleError(
        `${parts.host.info.bundle} has task 'rank' and ${length} labels, expected 1; export the checkpoint again ` +
          "with task 'classify'",
      );
    }
  }

  /**
   * Score every document and sort, best first; equal scores keep the order given. In windows a
   * document has the highest score of the query with each of them.
   */
  async rank(query: string, documents: readonly string[], options: RankOptions = {}): Promise<RankedDocument[]> {
    checkText("query", query);
    const texts = listed("rank", documents).map((each, at) => checkText(`document ${at}`, each));
    const scores = await this.run("rank", texts.map((text) => [query, text]), options);
    return best(Float32Array.from(scores), options.topK ?? null).map((index) => ({
      index,
      text: texts[index],
      score: scores[index],
    }));
  }

  protected override checkOptions({ topK }: Chosen<RankOptions>): void {
    requireTopK(topK);
  }

  protected decode(_item: EncodedItem, rows: readonly Ran[]): number {
    const logits = maxPool(rows.map(({ output }) => output.logits.data));
    return ACTIVATIONS[this.head.activation as Activation](logits)[0];
  }

  protected comparable(score: number): Comparable {
    return [new Map([["relevance", score]])];
  }
}
