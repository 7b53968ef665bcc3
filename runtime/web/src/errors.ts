/**
 * Every error of this package; the classes have the names of those of `edgebert_runtime.errors`.
 * A call that its signal ended rejects with the signal's reason, as `fetch` does.
 */

export class EdgebertError extends Error {}

/** An argument, or a combination of arguments, makes no sense. */
export class ConfigError extends EdgebertError {}

/** A text that cannot be run. */
export class InputError extends EdgebertError {}

/** A tokenizer is unreadable, or does not fit its model. */
export class TokenizerError extends EdgebertError {}

/** A bundle cannot be read. */
export class BundleError extends EdgebertError {}

/** A file of a bundle cannot be fetched. */
export class DownloadError extends BundleError {}

/** A bundle's files are not what its manifest says. */
export class BundleIntegrityError extends BundleError {}

/** A bundle names a path outside its own folder, or bytes that are not a tensor's. */
export class UnsafePathError extends BundleError {}

/** ONNX Runtime failed while it opened or ran a graph. */
export class EngineError extends EdgebertError {}

/** ONNX Runtime has too little memory to run a graph. */
export class EngineMemoryError extends EngineError {}

/** A model is used after it was closed. */
export class ModelClosedError extends EdgebertError {}

/** This browser lacks something that the model needs, or the provider does not run in it. */
export class ProviderUnavailableError extends EdgebertError {}

/** The work was done and its result is not good enough. */
export class CheckFailedError extends EdgebertError {}

/** The answers to the stored samples differ from those of the build machine. */
export class SampleError extends CheckFailedError {}

/** Name → class, for errors that come from a worker. */
export const ERRORS: Readonly<Record<string, typeof EdgebertError>> = {
  EdgebertError,
  ConfigError,
  InputError,
  TokenizerError,
  BundleError,
  DownloadError,
  BundleIntegrityError,
  UnsafePathError,
  EngineError,
  EngineMemoryError,
  ModelClosedError,
  ProviderUnavailableError,
  CheckFailedError,
  SampleError,
};

// Not `new.target.name`: a page's script that was minified has other names of classes.
for (const [name, kind] of Object.entries(ERRORS)) Object.defineProperty(kind.prototype, "name", { value: name });
