/** What a page and its worker say to each other; one worker holds one model. */

import type { Progress } from "../bundle/progress.js";
import { EdgebertError, ERRORS } from "../errors.js";
import type { ModelInfo } from "../inference/host.js";

export type Request =
  | { id: number; kind: "load"; source: string; options: Record<string, unknown> }
  | { id: number; kind: "call"; method: string; args: unknown[]; signalAt: number | null }
  | { id: number; kind: "abort" };

export type Reply =
  | { id: number; kind: "progress"; event: Progress }
  | { id: number; kind: "done"; value: unknown }
  | { id: number; kind: "failed"; name: string; message: string };

/** What `load` gives back through a worker. */
export interface Loaded {
  info: ModelInfo;
  methods: readonly string[];
}

/** A worker as browsers have it, or as Node has it. */
export interface Port {
  postMessage(message: unknown): void;
  addEventListener?(type: string, listener: (event: Event) => void): void;
  /** `any`, because Node's has an overload for each event. */
  on?(type: string, listener: (value: any) => void): unknown;
}

/** Calls `receive` with every message; `fail` where the other side cannot run. */
export function listen<Message>(port: Port, receive: (message: Message) => void, fail?: (reason: string) => void): void {
  if (port.on) {
    port.on("message", receive);
    if (fail) port.on("error", (error: Error) => fail(error.message));
    return;
  }
  port.addEventListener?.("message", (event) => receive((event as MessageEvent).data as Message));
  if (fail) port.addEventListener?.("error", (event) => fail((event as ErrorEvent).message ?? "it cannot be loaded"));
}

/** An error as it travels. */
export function packed(id: number, error: unknown): Reply {
  const { name, message } = error instanceof Error || error instanceof DOMException ? error : new Error(String(error));
  return { id, kind: "failed", name, message };
}

/** The error that travelled; of the same class if it is one of ours. */
export function unpacked(name: string, message: string): Error {
  const known = Object.hasOwn(ERRORS, name) ? ERRORS[name] : undefined;
  if (known) return new known(message);
  return name === "AbortError" ? new DOMException(message, name) : new EdgebertError(`${name}: ${message}`);
}
