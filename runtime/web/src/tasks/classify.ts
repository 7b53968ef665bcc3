/** Labels for texts and pairs of texts. */

import type { HeadInfo } from "../bundle/manifest.js";
import { ConfigError } from "../errors.js";
import { ACTIVATIONS, type Activation } from "../postprocessing/activations.js";
import { argmax, descending } from "../postprocessing/order.js";
import { weightedMean } from "../postprocessing/windows.js";
import type { Item } from "../tokenization/items.js";
import type { Comparable, Measure } from "../verification/probe.js";
import { TaskModel, type EncodedItem, type Parts, type Ran } from "./base.js";
import { requireTopK, type Chosen, type LongOptions } from "./options.js";

export interface LabelScore {
  label: string;
  /** From 0 to 1; without an activation (a regression) any number. */
  score: number;
}

/** What a text was classified as. */
export interface Classification {
  /** The label with the highest score, whatever was asked for. */
  best: LabelScore;
  /** Labels by falling score, as many as asked for. */
  scores: LabelScore[];
  /** `softmax` (scores sum to 1), `sigmoid` (each from 0 to 1 by itself) or `none` (raw values). */
  activation: string;
}

export interface ClassifyOptions extends LongOptions {
  /** How many labels at most; null keeps all. */
  topK?: number | null;
  /** Keep labels that score at least this; null keeps all. */
  threshold?: number | null;
}

export class Classifier extends TaskModel<ClassifyOptions, Classification> {
  readonly measure: Measure = "scores";
  protected readonly defaults = { topK: null, threshold: null, long: "truncate", stride: null } as const;
  protected readonly probeOptions = {};
  private readonly head: HeadInfo;

  constructor(parts: Parts) {
    super(parts);
    this.head = this.requireHead("softmax", "sigmoid", "none");
    this.requireLabels(this.head);
  }

  /**
   * Classify texts or pairs, in the order given. In windows a text has the mean of their logits, each
   * as often as it has tokens; windows of a pair slide over its second text.
   */
  classify(texts: readonly Item[], options: ClassifyOptions = {}): Promise<Classification[]> {
    return this.run("classify", texts, options);
  }

  protected override checkOptions({ topK, threshold }: Chosen<ClassifyOptions>): void {
    requireTopK(topK);
    if (threshold !== null && typeof threshold !== "number") {
      throw new ConfigError(`threshold must be a number, got ${String(threshold)}`);
    }
  }

  protected decode(_item: EncodedItem, rows: readonly Ran[], options: Chosen<ClassifyOptions>): Classification {
    const logits = weightedMean(
      rows.map(({ output }) => output.logits.data),
      rows.map(({ tokens }) => tokens.ids.length),
    );
    const scores = ACTIVATIONS[this.head.activation as Activation](logits);
    const labelScore = (at: number): LabelScore => ({ label: this.head.labels[at], score: scores[at] });
    return {
      best: labelScore(argmax(scores)),
      scores: selectLabels(scores, options.topK, options.threshold).map(labelScore),
      activation: this.head.activation,
    };
  }

  protected comparable({ scores }: Classification): Comparable {
    return [new Map(scores.map(({ label, score }) => [label, score]))];
  }
}

/** Numbers of the labels by falling score; thresholds are compared in float32, as scores are. */
export function selectLabels(scores: Float32Array, topK: number | null, threshold: number | null): number[] {
  const order = descending(scores);
  const lowest = threshold === null ? -Infinity : Math.fround(threshold);
  return order.filter((at) => threshold === null || scores[at] >= lowest).slice(0, topK ?? undefined);
}
