/** A bundle: its manifest, and its files, each checked before it is given out. */

import { BundleError, type EdgebertError } from "../errors.js";
import { cached, fileKey, forget, keep, manifestKey } from "./cache.js";
import { matches, requireHashing, requireMatch } from "./integrity.js";
import type { Manifest } from "./manifest.js";
import { MANIFEST_NAME, readManifest } from "./manifest_reader.js";
import type { OnProgress } from "./progress.js";
import { openSource, type Source, UnreachableError } from "./source.js";

/** What WebAssembly of 32 bits can take. */
const MOST_BYTES = 2 ** 31 - 1;

export interface BundleOptions {
  /** False keeps nothing in the browser's cache, and takes nothing from it. */
  cache?: boolean;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

export class Bundle {
  private constructor(
    private readonly source: Source,
    readonly manifest: Manifest,
    private readonly options: BundleOptions,
  ) {}

  /** Reads the manifest, from the cache where its address cannot be reached. */
  static async open(given: string | URL, options: BundleOptions): Promise<Bundle> {
    requireHashing();
    const source = openSource(given);
    const caching = { ...options, cache: source.remote && options.cache !== false };
    return new Bundle(source, await manifestOf(source, caching), caching);
  }

  /** The address or path. */
  get name(): string {
    return this.source.name;
  }

  /** Path → bytes of some files, read at the same time; all are what the manifest says. */
  async files(paths: Iterable<string>): Promise<Map<string, Uint8Array>> {
    const wanted = [...new Set(paths)];
    const stop = linked(this.options.signal);
    try {
      const found = await Promise.all(wanted.map((path) => this.file(path, stop.signal)));
      return new Map(wanted.map((path, at) => [path, found[at]]));
    } catch (error) {
      stop.abort(error); // the others need not arrive
      throw error;
    }
  }

  private async file(path: string, signal: AbortSignal): Promise<Uint8Array> {
    const { onProgress, cache } = this.options;
    const info = this.manifest.files[path];
    const size = info.size_bytes;
    const done = { file: path, loaded: size, total: size };
    if (size > MOST_BYTES) throw tooLarge(path, size);
    const key = fileKey(info.sha256);
    const kept = cache ? await cached(key) : null;
    if (kept && (await matches(kept, info))) {
      onProgress?.({ ...done, stage: "verify" });
      return kept;
    }
    if (kept) await forget(key);
    const bytes = await this.source.read(path, { size, signal, onProgress });
    await requireMatch(bytes, info, `${path} of ${this.name}`);
    signal.throwIfAborted();
    onProgress?.({ ...done, stage: "verify" });
    if (cache) await keep(key, bytes);
    return bytes;
  }
}

async function manifestOf(source: Source, { cache, signal }: BundleOptions): Promise<Manifest> {
  const key = manifestKey(source.name);
  try {
    const bytes = await source.read(MANIFEST_NAME, { signal });
    const manifest = readManifest(bytes, source.name);
    if (cache) await keep(key, bytes);
    return manifest;
  } catch (error) {
    const kept = cache && error instanceof UnreachableError ? await cached(key) : null;
    if (!kept) throw error;
    return readManifest(kept, source.name);
  }
}

/** What is aborted with a signal, or by itself. */
function linked(signal?: AbortSignal): AbortController {
  const controller = new AbortController();
  if (signal?.aborted) controller.abort(signal.reason);
  signal?.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
  return controller;
}

function tooLarge(path: string, size: number): EdgebertError {
  return new BundleError(`${path} has ${size} bytes, a browser takes at most ${MOST_BYTES}; export or quantize smaller`);
}
