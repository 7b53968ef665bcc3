/** `load`, in a worker. */

import type { LoadOptions } from "../loading/options.js";
import type { Models, TaskName } from "../tasks/registry.js";
import { loadRemote, type Remote } from "./client.js";
import type { Port } from "./protocol.js";

/**
 * Opens a bundle in a worker, so that the page stays responsive while the engine computes.
 *
 * @param worker a worker of the script `@edgebert/runtime/worker`; it holds this one model, and ends
 * with `worker.terminate()`.
 * @param source as `load` takes it.
 * @returns a model with the methods of the one `load` gives, each of which gives a promise.
 */
export async function loadInWorker<Name extends TaskName = "embed">(
  worker: Port,
  source: string | URL,
  options: LoadOptions & { task?: Name } = {},
): Promise<Remote<Models[Name]>> {
  return (await loadRemote(worker, source, options)) as Remote<Models[Name]>;
}
