/** onnxruntime-web, loaded when it is first needed: what it can do here, and its settings. */

import type * as ORT from "onnxruntime-web";
import { ConfigError, EngineError, ProviderUnavailableError } from "../errors.js";
import type { Provider } from "../loading/choice.js";

export type Engine = typeof ORT;
export type ProviderName = "wasm" | "webgpu";

export interface EngineOptions {
  provider: ProviderName;
  threads?: number;
  wasmPaths?: string;
}

/**
 * The providers. In WebAssembly the graphs for `cpu` run, too, but no faster, and need a second file
 * for their weights; WebGPU leaves what it lacks to WebAssembly.
 */
export const PROVIDERS: Readonly<Record<ProviderName, Provider>> = {
  wasm: { name: "wasm", needs: "cpu", targets: ["portable", "cpu"], only: false },
  webgpu: { name: "webgpu", needs: "webgpu", targets: ["portable"], only: true },
};

/** What WebAssembly has of the instruction sets that variants ask for. */
export const INSTRUCTION_SETS = ["simd128"];

/** A module with one instruction of 128 bits: () → v128, `i8x16.splat`. */
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];

/** The version that threads were set for; they are started once in a page. */
let started: number | undefined;

/** The engine, set up for a provider. */
export async function importEngine({ provider, threads, wasmPaths }: EngineOptions): Promise<Engine> {
  requireFeatures(provider);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1))
    throw new ConfigError(`threads is ${threads}, expected an integer from 1`);
  const engine = await imported(provider);
  const wasm = engine.env.wasm;
  if (started !== undefined && threads !== undefined && threads !== started)
    throw new ConfigError(
      `threads is ${threads}, and this page has started ${started}; WebAssembly starts its threads once, ` +
        "with the first model",
    );
  // The engine counts the cores of a browser itself; in Node it looks for them with CommonJS.
  if (threads !== undefined || !globalThis.navigator?.hardwareConcurrency) wasm.numThreads = threads ?? 1;
  if (wasmPaths !== undefined) wasm.wasmPaths = wasmPaths;
  return engine;
}

/** How many threads the engine runs, once a graph is open. */
export function threadsOf(engine: Engine): number {
  started = engine.env.wasm.numThreads || 1;
  return started;
}

/** The version of ONNX Runtime. */
export function versionOf(engine: Engine): string {
  return engine.env.versions.common;
}

async function imported(provider: ProviderName): Promise<Engine> {
  try {
    return provider === "webgpu" ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  } catch (error) {
    throw new EngineError(`onnxruntime-web cannot be loaded (${String(error)}); check that it is installed`, {
      cause: error,
    });
  }
}

function requireFeatures(provider: ProviderName): void {
  if (!(provider in PROVIDERS))
    throw new ConfigError(`executionProvider is '${String(provider)}', expected ${Object.keys(PROVIDERS).join(" or ")}`);
  if (typeof globalThis.WebAssembly !== "object" || !WebAssembly.validate(new Uint8Array(SIMD)))
    throw new ProviderUnavailableError(
      "this browser has no WebAssembly with SIMD, which the engine needs; use Chrome 91, Firefox 89, Safari 16.4 or newer",
    );
  if (provider === "webgpu" && !("gpu" in globalThis.navigator))
    throw new ProviderUnavailableError(
      "this browser has no WebGPU; load with executionProvider 'wasm', or serve the page by https to a browser that has it",
    );
}
