/** What `check` found. */
export interface CheckReport {
  variant: string;
  task: string;
  /** What runs it: `onnxruntime-web`, `tokenizers`, `provider` and where. */
  machine: Record<string, string>;
  /** How many files were opened; the hashes of all of them matched. */
  files: number;
  /** How many stored samples were run. */
  samples: number;
  /** How far the worst answer is off; null where nothing was compared or it is infinitely far. */
  worst: number | null;
  worstAt: string | null;
  /** How far it may be off; null where there are no samples. */
  tolerance: number | null;
  /** Found, expected, and what to do; null if all is well. */
  problem: string | null;
  passed: boolean;
}
