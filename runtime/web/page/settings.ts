/** What `edgebert page` wrote into the document for this bundle. */

import { required } from "./elements.js";

export interface Settings {
  /** Where the bundle lies: relative to the page, or on another host. */
  model: string;
  task: string;
  variant: string;
  /** The token that stands for a missing one, of models that fill it. */
  mask: string | null;
}

export function readSettings(): Settings {
  return JSON.parse(required<HTMLScriptElement>("#page").text) as Settings;
}
