/** The worker's side: it loads a model, and calls its methods for the page. */

import { ConfigError } from "../errors.js";
import type { ModelInfo } from "../inference/host.js";
import { listen, packed, type Loaded, type Port, type Reply, type Request } from "./protocol.js";

/** What a worker needs of a model. */
export interface Served {
  info(): ModelInfo;
}

export type Load = (source: string, options: Record<string, unknown>) => Promise<Served>;

/** Answers the requests that come through a port; `methodsOf` gives those that a page may call. */
export function serve(port: Port, load: Load, methodsOf: (task: string) => readonly string[]): void {
  const running = new Map<number, AbortController>();
  let model: Served | null = null;
  const send = (reply: Reply): void => port.postMessage(reply);

  async function answer(request: Request, signal: AbortSignal): Promise<unknown> {
    const { id } = request;
    if (request.kind === "load") {
      if (model) throw new ConfigError("this worker has a model, expected a new worker for another one");
      const onProgress = (event: unknown): void => send({ id, kind: "progress", event } as Reply);
      model = await load(request.source, { ...request.options, signal, onProgress });
      const info = model.info();
      return { info, methods: methodsOf(info.task) } satisfies Loaded;
    }
    if (request.kind === "abort" || !model) throw new ConfigError("this worker has no model, expected load first");
    if (!methodsOf(model.info().task).includes(request.method))
      throw new ConfigError(`a model for '${model.info().task}' has no method '${request.method}'`);
    const args = request.args.map((each, at) => (at === request.signalAt ? { ...(each as object), signal } : each));
    const method = model[request.method as keyof Served] as (...values: unknown[]) => unknown;
    return method.apply(model, args as []);
  }

  async function handle(request: Request): Promise<void> {
    if (request.kind === "abort") {
      running.get(request.id)?.abort();
      return;
    }
    const controller = new AbortController();
    running.set(request.id, controller);
    try {
      const value = await answer(request, controller.signal);
      send({ id: request.id, kind: "done", value });
    } catch (error) {
      send(packed(request.id, error));
    } finally {
      running.delete(request.id);
    }
  }

  listen(port, (request: Request) => void handle(request));
}
