/** The page's side: a model that answers from a worker, so that the page stays responsive. */

import type { OnProgress } from "../bundle/progress.js";
import { ConfigError, EngineError, ModelClosedError } from "../errors.js";
import type { ModelInfo } from "../inference/host.js";
import { listen, unpacked, type Loaded, type Port, type Reply, type Request } from "./protocol.js";

/** The methods of a model, each of which gives a promise. */
export type Remote<Model> = {
  [Name in keyof Model as Model[Name] extends (...args: never[]) => unknown ? Name : never]: Name extends "info"
    ? Model[Name]
    : Promised<Model[Name]>;
};

type Promised<Method> = Method extends (...args: never[]) => Promise<unknown>
  ? Method
  : Method extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Result>
    : never;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  onProgress?: OnProgress;
}

type NewRequest<Kind extends Request["kind"]> = Omit<Extract<Request, { kind: Kind }>, "id">;

/** Loads a bundle in a worker whose script is `@edgebert/runtime/worker`; arguments as `load` takes them. */
export async function loadRemote(
  worker: Port,
  source: string | URL,
  options: { signal?: AbortSignal; onProgress?: OnProgress } = {},
): Promise<Record<string, unknown>> {
  const connection = new Connection(worker);
  const { signal, onProgress, ...rest } = options;
  const request = { kind: "load", source: absolute(source), options: rest } as const;
  const { info, methods } = (await connection.ask(request, signal, onProgress)) as Loaded;
  return remoteModel(connection, info, methods);
}

function remoteModel(connection: Connection, info: ModelInfo, methods: readonly string[]): Record<string, unknown> {
  const model: Record<string, unknown> = { task: info.task, info: () => info };
  for (const method of methods)
    model[method] = (...args: unknown[]) => {
      const signalAt = args.findIndex((each) => (each as { signal?: unknown } | null | undefined)?.signal instanceof AbortSignal);
      const { signal, ...rest } = signalAt < 0 ? { signal: undefined } : (args[signalAt] as { signal: AbortSignal });
      const sent = args.map((each, at) => (at === signalAt ? rest : each));
      return connection.ask({ kind: "call", method, args: sent, signalAt: signalAt < 0 ? null : signalAt }, signal);
    };
  return model;
}

/** Requests by number, until they are answered. */
class Connection {
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;
  private broken: string | null = null;

  constructor(private readonly port: Port) {
    listen(port, (reply: Reply) => this.receive(reply), (reason) => this.fail(reason));
  }

  async ask(
    request: NewRequest<"load"> | NewRequest<"call">,
    signal?: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<unknown> {
    signal?.throwIfAborted();
    if (this.broken !== null) throw new ModelClosedError(`this model's worker has ended (${this.broken}); load it again`);
    const id = this.next++;
    const abort = (): void => this.port.postMessage({ id, kind: "abort" } satisfies Request);
    const answer = new Promise<unknown>((resolve, reject) => this.waiting.set(id, { resolve, reject, onProgress }));
    signal?.addEventListener("abort", abort, { once: true });
    try {
      this.post({ ...request, id });
      return await answer;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
      this.waiting.delete(id);
    }
  }

  private post(request: Request): void {
    try {
      this.port.postMessage(request);
    } catch (error) {
      throw new ConfigError(`an argument cannot be sent to a worker (${String(error)}); pass strings and numbers`);
    }
  }

  private receive(reply: Reply): void {
    const waiting = this.waiting.get(reply.id);
    if (reply.kind === "progress") waiting?.onProgress?.(reply.event);
    else if (reply.kind === "done") waiting?.resolve(reply.value);
    else waiting?.reject(unpacked(reply.name, reply.message));
  }

  private fail(reason: string): void {
    this.broken = reason;
    const error = new EngineError(`the worker has ended: ${reason}; check the address of its script`);
    for (const each of this.waiting.values()) each.reject(error);
  }
}

/** A worker resolves addresses against its own script. */
function absolute(source: string | URL): string {
  const page = globalThis.location?.href;
  return page === undefined ? String(source) : new URL(source, page).href;
}
