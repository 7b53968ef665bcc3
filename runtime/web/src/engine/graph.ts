/** One open graph: feeds in, numbers out, one run at a time. */

import type { InferenceSession } from "onnxruntime-web";
import { EngineError, EngineMemoryError, ModelClosedError } from "../errors.js";
import type { Tensor } from "../inference/encoder.js";
import type { Engine, ProviderName } from "./onnxruntime.js";

/** Input → 64-bit integers of `[rows, tokens]`. */
export interface Feeds {
  dims: [number, number];
  values: Record<string, BigInt64Array>;
}

const NO_ENGINE = /no available backend/i;
const NO_MEMORY = /bad_alloc|out of memory|memory access out of bounds|allocat/i;

export class Graph {
  private last: Promise<unknown> = Promise.resolve();
  private session: InferenceSession | null;

  private constructor(
    private readonly engine: Engine,
    session: InferenceSession,
    readonly inputs: readonly string[],
    readonly outputs: readonly string[],
  ) {
    this.session = session;
  }

  /** Opens a graph whose bytes, and those of the files it names, were checked. */
  static async open(
    engine: Engine,
    provider: ProviderName,
    bytes: Uint8Array,
    external: ReadonlyMap<string, Uint8Array>,
    name: string,
  ): Promise<Graph> {
    const externalData = [...external].map(([path, data]) => ({ path, data }));
    try {
      const session = await engine.InferenceSession.create(bytes, { executionProviders: [provider], externalData });
      return new Graph(engine, session, session.inputNames, session.outputNames);
    } catch (error) {
      throw failure(error, `ONNX Runtime ${engine.env.versions.common} cannot open ${name} on '${provider}'`);
    }
  }

  /** Runs the graph; a run waits for those before it. */
  async run(feeds: Feeds, outputs: readonly string[]): Promise<Record<string, Tensor>> {
    const turn = this.last.then(() => this.runNow(feeds, outputs));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Gives the memory back, after the runs that were asked for. */
  async close(): Promise<void> {
    await this.last;
    const session = this.session;
    this.session = null;
    await session?.release();
  }

  private async runNow({ dims, values }: Feeds, outputs: readonly string[]): Promise<Record<string, Tensor>> {
    if (!this.session) throw new ModelClosedError("this model is closed; load it again");
    const { Tensor } = this.engine;
    const inputs = this.inputs.map((name) => [name, new Tensor("int64", values[name], dims)] as const);
    try {
      const found = await this.session.run(Object.fromEntries(inputs), [...outputs]);
      return Object.fromEntries(
        outputs.map((name) => [name, { dims: [...found[name].dims], data: found[name].data as Float32Array }]),
      );
    } catch (error) {
      throw failure(error, `ONNX Runtime failed on ${dims[0]} rows of ${dims[1]} tokens`);
    }
  }
}

function failure(error: unknown, what: string): EngineError {
  // A number is a C++ exception that nothing describes, as lack of memory is.
  const said = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError || typeof error === "number" || NO_MEMORY.test(said))
    return new EngineMemoryError(
      `${what}: too little memory (${said}); pass a smaller batchSize, shorter texts, or load a smaller variant`,
      { cause: error },
    );
  const remedy = NO_ENGINE.test(said)
    ? "serve the engine's .wasm file beside the script, or pass wasmPaths"
    : "try another variant or executionProvider";
  return new EngineError(`${what}: ${said}; ${remedy}`, { cause: error });
}
