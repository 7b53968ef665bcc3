/** What `edgebert page` wrote into the document for this bundle. */

import { required } from "./elements.js";

export interface Settings {
  /** Where the bundle lies: relative to the page, or on another host. */
  model: string;
  task: string;
  variant: string;
  /** The token that stands for a missing one, of models that fill it. */
  mask: string | null;
  /** How many threads the engine is to have; the engine decides unless the address says `?threads=N`. */
  threads?: number;
}

export function readSettings(): Settings {
  const written = JSON.parse(required<HTMLScriptElement>("#page").text) as Settings;
  const threads = new URL(document.location.href).searchParams.get("threads");
  return threads === null ? written : { ...written, threads: Number(threads) };
}
