/** Where a bundle's files come from: an address, or in Node a folder. */

import { BundleError, ConfigError, DownloadError } from "../errors.js";
import type { OnProgress } from "./progress.js";

export interface ReadOptions {
  /** Size that the manifest states; unknown for the manifest itself. */
  size?: number;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

export interface Source {
  /** For errors, and as the key of the cached manifest. */
  readonly name: string;
  /** Whether reading takes the network, so that files are worth caching. */
  readonly remote: boolean;
  /** The bytes of a file; their number is not checked. */
  read(path: string, options?: ReadOptions): Promise<Uint8Array>;
}

/** No connection, or the browser refuses the answer: what a cached manifest may stand in for. */
export class UnreachableError extends DownloadError {}

/** The source of what `load` was given. */
export function openSource(given: string | URL): Source {
  const text = String(given);
  if (text === "") throw new ConfigError("the source is empty, expected the address of a bundle");
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1].toLowerCase();
  if (scheme === "http" || scheme === "https") return new WebSource(folderOf(new URL(text)));
  if (scheme === "file") return new FolderSource(pathOf(new URL(text)));
  if (scheme !== undefined && scheme !== "blob")
    throw new ConfigError(`the source is '${text}', expected an address with http, https or file`);
  if (nodeFiles()) return new FolderSource(text.replace(/[/\\]edgebert\.json$/, ""));
  return new WebSource(folderOf(new URL(text, globalThis.location.href)));
}

/** The address of the folder, whether it was given as such, without a slash, or by its manifest. */
function folderOf(address: URL): URL {
  const folder = new URL(address);
  folder.hash = "";
  if (folder.pathname.endsWith("/edgebert.json")) return new URL(".", folder);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder;
}

class WebSource implements Source {
  readonly remote = true;
  readonly name: string;

  constructor(private readonly folder: URL) {
    this.name = folder.href;
  }

  async read(path: string, options: ReadOptions = {}): Promise<Uint8Array> {
    const address = new URL(path.split("/").map(encodeURIComponent).join("/"), this.folder);
    address.search = this.folder.search; // signed addresses have their signature there
    const answer = await this.fetch(address, options.signal);
    if (!answer.ok) {
      const meaning = answer.status === 404 ? "there is no such file; check the address of the bundle" : "try again later";
      throw new DownloadError(`${address.href} cannot be fetched: HTTP status ${answer.status}; ${meaning}`);
    }
    return bodyOf(answer, path, address.href, options);
  }

  private async fetch(address: URL, signal?: AbortSignal): Promise<Response> {
    try {
      return await fetch(address, { signal, cache: "no-cache" }); // an older file would have another hash
    } catch (error) {
      signal?.throwIfAborted();
      const origin = globalThis.location?.origin;
      const remedy =
        origin !== undefined && origin !== address.origin
          ? `this page is of ${origin}: unless the network is down, the server must send ` +
            `Access-Control-Allow-Origin (CORS) for it, or serve the bundle from ${origin}`
          : "check the network and the address";
      throw new UnreachableError(`${address.href} cannot be fetched (${reasonOf(error)}); ${remedy}`, { cause: error });
    }
  }
}

/** Reads a body as it arrives. */
async function bodyOf(answer: Response, file: string, address: string, options: ReadOptions): Promise<Uint8Array> {
  const { size, signal, onProgress } = options;
  const total = size ?? Number(answer.headers.get("content-length") ?? 0);
  const parts: Uint8Array[] = [];
  let loaded = 0;
  try {
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(next.value);
      loaded += next.value.length;
      onProgress?.({ file, loaded, total, stage: "download" });
      if (size !== undefined && loaded > size) {
        await reader.cancel();
        break; // the size is refused afterwards
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw new DownloadError(
      `${address} ended after ${loaded} bytes${size === undefined ? "" : ` of ${size}`} (${reasonOf(error)}); load it again`,
      { cause: error },
    );
  }
  return joined(parts, loaded);
}

class FolderSource implements Source {
  readonly remote = false;

  constructor(readonly name: string) {}

  async read(path: string, { size, signal, onProgress }: ReadOptions = {}): Promise<Uint8Array> {
    const files = nodeFiles();
    if (!files) throw new ConfigError(`${this.name} is a folder, expected an address: this is no Node`);
    const place = `${this.name}/${path}`;
    try {
      const bytes = await files.readFile(place, { signal });
      onProgress?.({ file: path, loaded: bytes.length, total: size ?? bytes.length, stage: "download" });
      return bytes;
    } catch (error) {
      signal?.throwIfAborted();
      throw new BundleError(`${place} cannot be read (${reasonOf(error)}); check the path of the bundle`, { cause: error });
    }
  }
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

type NodeFiles = typeof import("node:fs/promises");

/** Node's file system; undefined in a browser. */
function nodeFiles(): NodeFiles | undefined {
  return globalThis.process?.getBuiltinModule?.("node:fs/promises") as NodeFiles | undefined;
}

function pathOf(address: URL): string {
  const url = globalThis.process?.getBuiltinModule?.("node:url") as typeof import("node:url") | undefined;
  if (!url) throw new ConfigError(`the source is '${address.href}', expected an address with http or https`);
  return url.fileURLToPath(address).replace(/[/\\](edgebert\.json)?$/, "");
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}`;
}
