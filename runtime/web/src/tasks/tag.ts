/** Entities in texts: labels of tokens, put together to words and spans. */

import type { HeadInfo } from "../bundle/manifest.js";
import { BundleError, ConfigError, InputError } from "../errors.js";
import { softmax } from "../postprocessing/activations.js";
import { rowAt } from "../postprocessing/rows.js";
import {
  checkAggregation,
  continuesWord,
  findSpans,
  type Aggregation,
  type TokenTag,
} from "../postprocessing/spans.js";
import { mostContext } from "../postprocessing/windows.js";
import type { Comparable, Measure } from "../verification/probe.js";
import { TaskModel, type EncodedItem, type Parts, type Ran } from "./base.js";
import type { Chosen, LongOptions } from "./options.js";

/** The aggregation of bundles whose manifest names none. */
const USUAL: Aggregation = "simple";

/** A labelled piece of a text. */
export interface Entity {
  /** What the text has from `start` to `end`. */
  text: string;
  /** Without `B-` or `I-` unless aggregation is `none`. */
  label: string;
  /** Probability, the mean over what was put together. */
  score: number;
  /** `text.slice(start, end)` of the caller's string is `text`: UTF-16 units, where Python counts characters. */
  start: number;
  end: number;
}

export interface TagOptions extends LongOptions {
  /**
   * `none` gives every token with its own label; `simple` joins neighbours of one label, of which a
   * `B-` starts one. The others give a word one label first: `first` that of its first token,
   * `average` the best of its tokens' mean, `max` that of its surest token. null takes the bundle's.
   */
  aggregation?: Aggregation | null;
  /** Labels to leave out, spelt as in the answer. */
  ignore?: readonly string[];
}

export class Tagger extends TaskModel<TagOptions, Entity[]> {
  readonly measure: Measure = "probabilities";
  protected readonly defaults = { aggregation: null, ignore: ["O"], long: "truncate", stride: null } as const;
  protected readonly probeOptions: TagOptions = { aggregation: "none", ignore: [] };
  protected override readonly pairs = false;
  private readonly head: HeadInfo;
  /** How tokens are put together where `tag` is told nothing else. */
  readonly defaultAggregation: Aggregation;
  private readonly unknownId: number | null;

  constructor(parts: Parts) {
    super(parts);
    this.head = this.requireHead("softmax");
    this.requireLabels(this.head);
    this.defaultAggregation = this.readAggregation();
    this.unknownId = this.tokenizer.specialId("unk_token");
  }

  /**
   * Tag texts, in the order given. Of windows, a token that several have is labelled by the one it
   * lies deepest in.
   */
  tag(texts: readonly string[], options: TagOptions = {}): Promise<Entity[][]> {
    return this.run("tag", texts, options);
  }

  protected override checkOptions({ aggregation, ignore }: Chosen<TagOptions>): void {
    if (aggregation !== null) checkAggregation(aggregation);
    if (!Array.isArray(ignore) || ignore.some((label) => typeof label !== "string")) {
      throw new InputError(`ignore must be a list of labels, got ${JSON.stringify(ignore)}`);
    }
  }

  protected decode(item: EncodedItem, rows: readonly Ran[], options: Chosen<TagOptions>): Entity[] {
    const text = String(item.item);
    const tags = this.tagsOf(text, rows, options);
    return findSpans(tags, this.head.labels, options.aggregation ?? this.defaultAggregation)
      .filter(({ label }) => !options.ignore.includes(label))
      .map(({ label, score, start, end }) => ({ text: text.slice(start, end), label, score, start, end }));
  }

  protected comparable(tokens: Entity[]): Comparable {
    return tokens.map(({ label, score }) => new Map([[label, score]]));
  }

  /** Each token of the text once, of the window that knows it best. */
  private tagsOf(text: string, rows: readonly Ran[], { stride }: Chosen<TagOptions>): TokenTag[] {
    const shared = rows.length > 1 ? this.tokenizer.overlap(this.tokenizer.limit, stride) : 0;
    const windows = rows.map((row) => this.ownTokens(text, row));
    const parts = mostContext(
      windows.map((tags) => tags.length),
      shared,
    );
    return windows.flatMap((tags, at) => tags.slice(...parts[at]));
  }

  private ownTokens(text: string, { tokens, output }: Ran): TokenTag[] {
    const continues = continuesWord(text, tokens, this.unknownId, this.tokenizer.marksSubwords);
    return tokens.ids.flatMap((_, at) =>
      tokens.sources[at] === null
        ? []
        : {
            start: tokens.starts[at],
            end: tokens.ends[at],
            scores: softmax(rowAt(output.logits, at)),
            continues: continues[at],
          },
    );
  }

  private readAggregation(): Aggregation {
    try {
      return checkAggregation(this.head.aggregation ?? USUAL);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new BundleError(
        `${this.parts.host.info.bundle}, head: ${error.message}; take a newer version of this package, or export ` +
          "the model again",
        { cause: error },
      );
    }
  }
}
