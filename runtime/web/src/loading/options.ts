/** What `load` takes beside the source. */

import type { OnProgress } from "../bundle/progress.js";
import type { ProviderName } from "../engine/onnxruntime.js";
import { ConfigError } from "../errors.js";

export interface LoadOptions {
  /** Which of the bundle's tasks; its default unless given. */
  task?: string;
  /** A variant's name, a precision such as `int8`, or `auto` for the bundle's default. */
  variant?: string;
  /** `wasm`, or `webgpu` in browsers that have it. */
  executionProvider?: ProviderName;
  /** False keeps nothing in the browser's cache, and takes nothing from it. */
  cache?: boolean;
  /** Folder from which the engine's `.wasm` file is fetched, with `/` at its end. */
  wasmPaths?: string;
  /** Threads of WebAssembly, which takes a page that is cross-origin isolated; set by a page's first model. */
  threads?: number;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

const KEYS = ["task", "variant", "executionProvider", "cache", "wasmPaths", "threads", "signal", "onProgress"];

/** Refuses options that `load` does not know. */
export function checkOptions(options: LoadOptions): void {
  const unknown = Object.keys(options).filter((key) => !KEYS.includes(key));
  if (unknown.length) throw new ConfigError(`load has no option ${unknown.join(", ")}; it has ${KEYS.join(", ")}`);
}
