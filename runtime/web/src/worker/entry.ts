/** The script of a worker: `new Worker(new URL("…/entry.js", import.meta.url), { type: "module" })`. */

import { load } from "../load.js";
import { methodsOf } from "./methods.js";
import type { Port } from "./protocol.js";
import { serve } from "./serve.js";

type Threads = typeof import("node:worker_threads");

const node = globalThis.process?.getBuiltinModule?.("node:worker_threads") as Threads | undefined;

serve((node?.parentPort ?? globalThis) as unknown as Port, load, methodsOf);
