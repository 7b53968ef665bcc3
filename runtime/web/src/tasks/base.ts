/** What the models of all tasks share: three steps from items to answers. */

import type { HeadInfo, Manifest, TaskInfo } from "../bundle/manifest.js";
import { BundleError, InputError } from "../errors.js";
import type { Encoder, Output, RunOptions } from "../inference/encoder.js";
import type { Host, ModelInfo } from "../inference/host.js";
import { checkItem, listed, type Item } from "../tokenization/items.js";
import type { Long } from "../tokenization/sliding_window.js";
import { rowOf, type EncodedText, type TextTokenizer } from "../tokenization/tokenizer.js";
import type { Tokens } from "../tokenization/tokens.js";
import type { Comparable, Measure, Probed } from "../verification/probe.js";
import type { CheckReport } from "../verification/report.js";
import { checkLength, choose, type CallOptions, type Chosen } from "./options.js";

/** Items that go through the three steps together. */
const CHUNK_ITEMS = 1024;

/** What `load` makes a model of. */
export interface Parts {
  manifest: Manifest;
  task: string;
  tokenizer: TextTokenizer;
  encoder: Encoder;
  host: Host;
  /** Path → bytes of files of the bundle, checked. */
  files(paths: Iterable<string>): Promise<Map<string, Uint8Array>>;
}

/** A text that was cut. */
export interface TruncatedText {
  /** Of the text in the call. */
  index: number;
  /** Its length before it was cut, special tokens included. */
  tokens: number;
  /** Tokens that were kept, special tokens included. */
  limit: number;
}

/** What the last call did. */
export interface RunReport {
  texts: number;
  /** What the texts were run as; as many, unless long ones were cut into windows. */
  windows: number;
  /** Tokens run, special tokens included, padding not. */
  tokens: number;
  truncated: TruncatedText[];
}

/** One item of a call, as the rows that a graph runs. */
export interface EncodedItem {
  item: Item;
  rows: Tokens[];
  /** How many tokens the whole item has, where it was cut to the limit; else null. */
  cutFrom: number | null;
}

/** A row that was run, and its part of every output. */
export interface Ran {
  tokens: Tokens;
  output: Output;
}

/** What long texts need, of any task's options. */
interface Lengths {
  long: Long;
  stride?: number | null;
}

/**
 * Base of the models that `load` makes. `encode` turns an item into rows of token ids, the encoder
 * runs them, and `decode` makes an answer of what comes out.
 */
export abstract class TaskModel<Options extends CallOptions, Answer> implements Probed {
  abstract readonly measure: Measure;
  protected abstract readonly defaults: Chosen<Options> & Lengths;
  /** Options of `SPEC.probe` in Python. */
  protected abstract readonly probeOptions: Options;
  /** Whether an item may be a pair of texts. */
  protected readonly pairs: boolean = true;
  /** Whether long texts may run in windows. */
  protected readonly slides: boolean = true;
  protected readonly chunkItems: number = CHUNK_ITEMS;
  protected readonly manifest: Manifest;
  protected readonly tokenizer: TextTokenizer;
  protected readonly taskInfo: TaskInfo;
  readonly task: string;
  private report: RunReport | null = null;

  constructor(protected readonly parts: Parts) {
    this.manifest = parts.manifest;
    this.task = parts.task;
    this.tokenizer = parts.tokenizer;
    this.taskInfo = parts.manifest.tasks[parts.task];
  }

  /** What is running, for logs and bug reports. */
  info(): ModelInfo {
    return this.parts.host.info;
  }

  /** Run the bundle's stored samples, and compare tokens and answers. */
  check(): Promise<CheckReport> {
    return this.parts.host.check(this);
  }

  /** Give the memory back; the model cannot be used afterwards. */
  close(): Promise<void> {
    return this.parts.host.close();
  }

  /** What the last call did; null before the first. */
  get lastReport(): RunReport | null {
    return this.report;
  }

  /** How many tokens each text has, special tokens included, before anything is cut. */
  countTokens(texts: readonly Item[]): number[] {
    return listed("countTokens", texts).map((each, at) => {
      const name = `item ${at}`;
      return this.tokenizer.encode(checkItem(name, each), name).count;
    });
  }

  tokenIds(item: Item): number[] {
    return this.tokenizer.cut(this.tokenizer.encode(item, "the sample")).ids;
  }

  async probe(items: readonly Item[]): Promise<Comparable[]> {
    const chosen = choose(this.probeOptions, this.defaults as Chosen<Options>);
    const encoded = items.map((item, at) => this.encode(item, `item ${at}`, chosen));
    const answers = await this.answered(encoded, chosen, { finite: false });
    return answers.map((answer) => this.comparable(answer));
  }

  /** The answers to items; the task's own method is the same with its arguments by name. */
  async predict(items: readonly Item[], options: Options = {} as Options): Promise<Answer[]> {
    return this.run("predict", items, options);
  }

  /** Answers to a list; `method` is what the caller called. */
  protected async run(method: string, items: readonly unknown[], options: Options): Promise<Answer[]> {
    const chosen = choose(options, this.defaults as Chosen<Options>);
    checkLength(this.lengthsOf(chosen), this.slides);
    this.checkOptions(chosen);
    const checked = listed(method, items).map((item, at) => this.checkedItem(item, this.nameOf(at, items.length)));
    const report: RunReport = { texts: 0, windows: 0, tokens: 0, truncated: [] };
    const answers: Answer[] = [];
    for (let first = 0; first < checked.length; first += this.chunkItems) {
      options.signal?.throwIfAborted();
      const chunk = checked.slice(first, first + this.chunkItems);
      const encoded = chunk.map((item, at) => this.encode(item, this.nameOf(first + at, items.length), chosen));
      const found = await this.answered(encoded, chosen, this.runOptions(options, encoded, first));
      for (const answer of found) answers.push(answer);
      this.note(report, encoded);
    }
    this.report = report;
    warnIfTruncated(report);
    return answers;
  }

  /** An item as rows: one, or windows where that is asked for and it is too long. */
  protected encode(item: Item, name: string, options: Chosen<Options>): EncodedItem {
    const text = this.tokenizer.encode(item, name);
    return this.rowsOf(item, name, text, options);
  }

  protected rowsOf(item: Item, name: string, text: EncodedText, options: Chosen<Options>): EncodedItem {
    const { long, stride = null } = this.lengthsOf(options);
    const { limit } = this.tokenizer;
    if (text.count <= limit) return { item, rows: [text.tokens], cutFrom: null };
    if (long === "window") return { item, rows: this.tokenizer.windows(text, limit, stride), cutFrom: null };
    if (long === "error") {
      throw new InputError(
        `${name} has ${text.count} tokens, the limit is ${limit}; shorten it, or pass long: "truncate"`,
      );
    }
    return { item, rows: [this.tokenizer.cut(text)], cutFrom: text.count };
  }

  /** Refuse options that this model has no use for. */
  protected checkOptions(_options: Chosen<Options>): void {}

  /** Outputs that a call fetches; undefined is all that the task has. */
  protected outputsFor(_options: Chosen<Options>): readonly string[] | undefined {
    return undefined;
  }

  /** What a message calls an item of so many. */
  protected nameOf(index: number, _count: number): string {
    return `item ${index}`;
  }

  protected abstract decode(item: EncodedItem, rows: readonly Ran[], options: Chosen<Options>): Answer;

  /** An answer as the self-test compares it. */
  protected abstract comparable(answer: Answer): Comparable;

  /** The manifest's head, with one of the activations that make sense for the task. */
  protected requireHead(...activations: string[]): HeadInfo {
    const { head } = this.taskInfo;
    if (!head || !activations.includes(head.activation)) {
      const found = head ? `activation '${head.activation}'` : "no head";
      throw new BundleError(
        `${this.parts.host.info.bundle} has task '${this.task}' and ${found}, expected a head with activation ` +
          `${activations.join(" or ")}; export it again`,
      );
    }
    return head;
  }

  /** Refuse a manifest that names more or fewer labels than the graph has logits. */
  protected requireLabels({ labels }: HeadInfo): void {
    const sizes = this.taskInfo.outputs.map((output) => output.shape.at(-1));
    if (!labels.length || sizes.some((size) => typeof size === "number" && size !== labels.length)) {
      throw new BundleError(
        `${this.parts.host.info.bundle} names ${labels.length} labels for logits of ${sizes.join(", ")}; export it ` +
          "again",
      );
    }
  }

  private checkedItem(item: unknown, name: string): Item {
    if (Array.isArray(item) && !this.pairs) {
      throw new InputError(
        `${name} is a list, expected a string: this task takes no pairs; pass each text as an item of its own`,
      );
    }
    return checkItem(name, item);
  }

  private async answered(
    encoded: readonly EncodedItem[],
    chosen: Chosen<Options>,
    options: RunOptions,
  ): Promise<Answer[]> {
    const rows = encoded.flatMap((each) => each.rows);
    const outputs = await this.parts.encoder.run(rows.map(rowOf), {
      ...options,
      outputs: this.outputsFor(chosen),
    });
    let at = 0;
    return encoded.map((item) =>
      this.decode(item, item.rows.map((tokens) => ({ tokens, output: outputs[at++] })), chosen),
    );
  }

  private runOptions(options: Options, encoded: readonly EncodedItem[], first: number): RunOptions {
    const owners = encoded.flatMap((each, at) => each.rows.map(() => first + at));
    return { signal: options.signal, batchSize: options.batchSize, owner: (row) => owners[row] };
  }

  private lengthsOf(options: Chosen<Options>): Lengths {
    return options as unknown as Lengths;
  }

  private note(report: RunReport, encoded: readonly EncodedItem[]): void {
    const { limit } = this.tokenizer;
    for (const { rows, cutFrom } of encoded) {
      if (cutFrom !== null) report.truncated.push({ index: report.texts, tokens: cutFrom, limit });
      report.texts += 1;
      report.windows += rows.length;
      report.tokens += rows.reduce((sum, row) => sum + row.ids.length, 0);
    }
  }
}

function warnIfTruncated({ texts, truncated }: RunReport): void {
  if (!truncated.length) return;
  const longest = truncated.reduce((most, each) => (each.tokens > most.tokens ? each : most));
  console.warn(
    `${truncated.length} of ${texts} texts were cut to ${longest.limit} tokens (the longest, number ` +
      `${longest.index}, has ${longest.tokens}); see lastReport.truncated`,
  );
}
