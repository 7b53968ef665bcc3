/**
 * Files kept by their hash, and manifests by their address, in the browser's CacheStorage.
 *
 * It is there on secure origins; without it every load fetches. A file that two bundles share is
 * kept once. What cannot be kept (no room, private windows) is fetched again the next time.
 */

const NAME = "edgebert-1";
const KEYS = "https://edgebert.invalid";

/** The key of a file. */
export function fileKey(sha256: string): string {
  return `${KEYS}/sha256/${sha256}`;
}

/** The key of the manifest of the bundle at an address. */
export function manifestKey(address: string): string {
  return `${KEYS}/manifest?of=${encodeURIComponent(address)}`;
}

/** The bytes that are kept under a key; null if there are none. */
export async function cached(key: string): Promise<Uint8Array | null> {
  const answer = await (await opened())?.match(key);
  return answer ? new Uint8Array(await answer.arrayBuffer()) : null;
}

/** Keeps bytes, if there is room. */
export async function keep(key: string, bytes: Uint8Array): Promise<void> {
  const cache = await opened();
  await cache?.put(key, new Response(bytes as BodyInit)).catch(() => undefined);
}

/** Forgets what is kept under a key. */
export async function forget(key: string): Promise<void> {
  await (await opened())?.delete(key);
}

/** Deletes everything that this package keeps; the next load fetches all files. */
export async function clearCache(): Promise<void> {
  await globalThis.caches?.delete(NAME);
}

async function opened(): Promise<Cache | undefined> {
  return globalThis.caches?.open(NAME).catch(() => undefined);
}
