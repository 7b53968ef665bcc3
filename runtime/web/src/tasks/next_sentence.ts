/** Whether one text follows another. */

import { softmax } from "../postprocessing/activations.js";
import { checkText } from "../tokenization/items.js";
import type { Comparable, Measure } from "../verification/probe.js";
import { TaskModel, type EncodedItem, type Parts, type Ran } from "./base.js";
import type { ShortOptions } from "./options.js";

/** An item of `predict` is a pair of texts. */
export class NextSentence extends TaskModel<ShortOptions, number> {
  readonly measure: Measure = "scores";
  protected readonly defaults = { long: "truncate" } as const;
  protected readonly probeOptions = {};
  protected override readonly slides = false;

  constructor(parts: Parts) {
    super(parts);
    this.requireHead("softmax");
  }

  /** The probability that `second` follows `first`, as BERT was trained to tell. */
  async score(first: string, second: string, options: ShortOptions = {}): Promise<number> {
    const pair = [checkText("first", first), checkText("second", second)];
    const [probability] = await this.run("score", [pair], options);
    return probability;
  }

  protected decode(_item: EncodedItem, [{ output }]: readonly Ran[]): number {
    return softmax(output.logits.data)[0];
  }

  protected comparable(probability: number): Comparable {
    return [new Map([["follows", probability]])];
  }
}
