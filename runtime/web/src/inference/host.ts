/** What `load` gives a model beside its manifest, task, tokenizer and encoder. */

import type { CheckReport } from "../verification/report.js";
import type { Probed } from "../verification/probe.js";

/** What is running, for logs and bug reports; the fields of Python's `ModelInfo` that a page has. */
export interface ModelInfo {
  bundle: string;
  task: string;
  variant: string;
  way: string;
  precision: string;
  target: string;
  provider: string;
  threads: number;
  microBatchTokens: number;
  maxLength: number;
  dimensions: number | null;
  batchInvariant: boolean;
  /** File → sha256, of every file that was opened; all were checked. */
  sha256: Record<string, string>;
  /** Bytes of these files. */
  sizeBytes: number;
}

export interface Host {
  readonly info: ModelInfo;
  /** Runs the stored samples of what runs through the model. */
  check(model: Probed): Promise<CheckReport>;
  /** Gives the memory back. */
  close(): Promise<void>;
}
