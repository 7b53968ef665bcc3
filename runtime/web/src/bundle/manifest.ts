/** What `edgebert.json` says, schema version 2, under its own keys; docs/bundle-format.md is the specification. */

export interface TensorInfo {
  name: string;
  dtype: string;
  /** Sizes; a string is symbolic: `batch`, `sequence`. */
  shape: (number | string)[];
}

export interface TokenizerInfo {
  file: string;
  /** Where texts are cut, in tokens, special tokens included. */
  max_length: number;
  max_positions: number;
  padding_side: "right";
  pad_id: number;
  pad_token: string;
  pad_type_id: number;
  special_tokens: Record<string, string>;
}

export interface Step {
  kind: "pool" | "dense" | "normalize" | "truncate";
  modes?: string[];
  file?: string | null;
  activation?: string | null;
  dimensions?: number | null;
}

export interface EmbeddingInfo {
  dimensions: number;
  steps: Step[];
  prompts: Record<string, string>;
  default_prompt: string | null;
  similarity?: string | null;
}

export interface HeadInfo {
  labels: string[];
  activation: string;
  aggregation?: string | null;
}

export interface TaskInfo {
  outputs: TensorInfo[];
  embedding: EmbeddingInfo | null;
  head: HeadInfo | null;
}

/** Bytes of another file that a graph's tensors use. */
export interface ExternalRange {
  file: string;
  offset: number;
  length: number;
}

export interface Library {
  name: string;
  version: string;
  required: boolean;
}

export interface Way {
  scheme: string | null;
  quality: Record<string, unknown> | null;
  /** Task → path of its self-test samples. */
  samples: Record<string, string>;
  speed: Record<string, unknown> | null;
}

export interface Variant {
  tasks: string[];
  file: string;
  files: string[];
  external: ExternalRange[];
  precision: string;
  target: string;
  recipe: string | null;
  opset: number;
  ir_version: number;
  min_onnxruntime: string;
  instruction_sets: string[];
  needs: string | null;
  library: Library | null;
  ways: Record<string, Way>;
  fusions: Record<string, number>;
  parity: Record<string, unknown> | null;
  batch_invariant: boolean;
  verified: boolean;
  capturable: boolean;
}

export interface ProvenanceStep {
  step: string;
  by: Record<string, string>;
  variant: string | null;
  budget: string | null;
  details: Record<string, unknown>;
}

export interface FileInfo {
  size_bytes: number;
  /** 64 lower-case hexadecimal digits. */
  sha256: string;
}

export interface Manifest {
  schema_version: 2;
  created_by: Record<string, string>;
  source: { kind: string; name: string; model_type: string | null };
  architecture: {
    hidden: number | null;
    layers: number | null;
    heads: number | null;
    vocabulary: number | null;
    token_types: number | null;
  };
  inputs: TensorInfo[];
  tokenizer: TokenizerInfo;
  tasks: Record<string, TaskInfo>;
  default_task: string;
  variants: Record<string, Variant>;
  default_variant: string;
  provenance: ProvenanceStep[];
  files: Record<string, FileInfo>;
}
