/** Whether bytes are what the manifest says, by size and sha256. */

import { BundleIntegrityError, ProviderUnavailableError } from "../errors.js";
import type { FileInfo } from "./manifest.js";

/** Refuses a page that cannot hash, before anything is fetched. */
export function requireHashing(): void {
  if (globalThis.crypto?.subtle) return;
  throw new ProviderUnavailableError(
    "this page is no secure context, so that it has no SubtleCrypto to check a bundle's files with; " +
      "serve the page by https, or open it from localhost",
  );
}

/** Whether bytes have the size and the hash of a file. */
export async function matches(bytes: Uint8Array, info: FileInfo): Promise<boolean> {
  return bytes.length === info.size_bytes && (await sha256(bytes)) === info.sha256;
}

/** Refuses bytes that are not what the manifest says; `place` is the file, for the error. */
export async function requireMatch(bytes: Uint8Array, info: FileInfo, place: string): Promise<void> {
  if (bytes.length !== info.size_bytes) {
    const found = bytes.length > info.size_bytes ? "more bytes" : `${bytes.length} bytes`;
    throw new BundleIntegrityError(
      `${place} has ${found}, expected ${info.size_bytes} as the manifest says${markup(bytes)}; ` +
        "copy or upload the bundle again",
    );
  }
  const found = await sha256(bytes);
  if (found !== info.sha256)
    throw new BundleIntegrityError(
      `${place} has sha256 ${found}, expected ${info.sha256} as the manifest says; copy or upload the bundle again`,
    );
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest("SHA-256", bytes as BufferSource);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Servers answer a page where nothing is there. */
function markup(bytes: Uint8Array): string {
  const start = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart();
  return start.startsWith("<") ? " (the server sent a page in HTML)" : "";
}
