/**
 * Which variant runs: a pure function of what a manifest says, what is asked for, and what is here.
 * The port of `edgebert_runtime.loading.choice`, without libraries of custom operators and captured
 * runs, which a browser does not have.
 */

import { named } from "../bundle/manifest_checks.js";
import type { Manifest, Variant } from "../bundle/manifest.js";
import { BundleError, ConfigError, type EdgebertError, ProviderUnavailableError } from "../errors.js";

export const AUTO = "auto";

/** The target of a graph that gives attention maps, too; such a variant runs by its name only. */
const ATTENTION = "attention";

/** Stands in a remedy for the variant that runs here; `pick` puts it there. */
const INSTEAD = "{instead}";

/** An execution provider, as far as the choice depends on it. */
export interface Provider {
  name: string;
  /** What a variant's `needs` calls it. */
  needs: string;
  /** Targets whose graphs it runs, best first. */
  targets: readonly string[];
  /** Whether it refuses graphs for all other targets. */
  only: boolean;
}

export interface Situation {
  task: string;
  /** `auto`, a precision, or the name of a variant or of several that were made under it. */
  asked: string;
  provider: Provider;
  /** Version of ONNX Runtime. */
  engine: string;
  instructionSets: readonly string[];
}

/** Why a variant does not run here, though nothing is wrong with it. */
export interface Obstacle {
  reason: string;
  remedy: string;
  error: new (message: string) => EdgebertError;
}

export interface Candidate {
  name: string;
  /** Null if it runs. */
  obstacle: Obstacle | null;
}

type Variants = Readonly<Record<string, Variant>>;
type Check = (variant: Variant, situation: Situation) => Obstacle | null;

/** The variants that are meant, the best first; the first without an obstacle is the one to run. */
export function choose(manifest: Manifest, situation: Situation): Candidate[] {
  return [...new Set(meant(manifest, situation))].map((name) => ({
    name,
    obstacle: obstacleOf(manifest.variants[name], situation),
  }));
}

/** The first of `choose` that runs; `where` is the bundle, for errors. */
export function pick(manifest: Manifest, situation: Situation, where: string): string {
  const candidates = choose(manifest, situation);
  const running = candidates.find((each) => each.obstacle === null);
  if (running) return running.name;
  const others = choose(manifest, { ...situation, asked: AUTO }).filter((each) => each.obstacle === null);
  const instead = others.map((each) => manifest.variants[each.name].precision);
  if (!candidates.length) {
    const offered = [...new Set([...Object.keys(manifest.variants), ...instead])].sort().join(", ");
    throw new ConfigError(`${where} has no variant '${situation.asked}'; it has ${offered}`);
  }
  const blocked = candidates.find((each) => each.obstacle?.error !== ConfigError) ?? candidates[0];
  const { reason, remedy, error } = blocked.obstacle as Obstacle;
  const use = instead.length ? `load variant '${instead[0]}'` : "export again with target 'portable'";
  throw new error(`variant '${blocked.name}' of ${where} ${reason}; ${remedy.replace(INSTEAD, use)}`);
}

/** Names of the variants that are meant, the best first; some come twice. */
function* meant(manifest: Manifest, situation: Situation): Generator<string> {
  const every = manifest.variants;
  const variants = Object.fromEntries(
    Object.entries(every).filter(([, each]) => each.tasks.includes(situation.task)),
  );
  if (situation.asked !== AUTO) {
    const found = namedOrPrecision(variants, situation.asked, situation.provider);
    yield* found.length ? found : named(every, situation.asked);
    return;
  }
  const usual = Object.fromEntries(Object.entries(variants).filter(([, each]) => each.target !== ATTENTION));
  yield* namedOrPrecision(usual, manifest.default_variant, situation.provider);
  for (const name of named(every, manifest.default_variant).slice(0, 1))
    yield* namedOrPrecision(usual, every[name].precision, situation.provider);
  yield* namedOrPrecision(usual, "fp32", situation.provider);
  yield* Object.keys(usual);
}

/** Those of a precision, the best first; else those of the name, or made under it. */
function namedOrPrecision(variants: Variants, asked: string, provider: Provider): string[] {
  const precise = Object.keys(variants).filter(
    (name) => variants[name].precision === asked && variants[name].target !== ATTENTION,
  );
  const found = precise.length ? precise : named(variants, asked);
  const place = (name: string): number => {
    const at = provider.targets.indexOf(variants[name].target);
    return at < 0 ? provider.targets.length : at;
  };
  return found.sort(
    (one, two) =>
      Number(variants[one].recipe !== asked) - Number(variants[two].recipe !== asked) ||
      place(one) - place(two) ||
      Number(one !== asked) - Number(two !== asked),
  );
}

function obstacleOf(variant: Variant, situation: Situation): Obstacle | null {
  for (const check of CHECKS) {
    const found = check(variant, situation);
    if (found) return found;
  }
  return null;
}

function otherTask(variant: Variant, { task }: Situation): Obstacle | null {
  if (variant.tasks.includes(task)) return null;
  return { reason: `answers ${variant.tasks.join(" and ")}, not ${task}`, remedy: INSTEAD, error: ConfigError };
}

function otherProvider(variant: Variant, { provider }: Situation): Obstacle | null {
  if (variant.needs === null || variant.needs === provider.needs) return null;
  return {
    reason: `needs provider '${variant.needs}', not '${provider.name}'`,
    remedy: INSTEAD,
    error: ProviderUnavailableError,
  };
}

function otherOperators(variant: Variant, { provider }: Situation): Obstacle | null {
  if (!provider.only || [...provider.targets, ATTENTION].includes(variant.target)) return null;
  return {
    reason: `is for ${variant.target} and has operators that provider '${provider.name}' lacks`,
    remedy: INSTEAD,
    error: ConfigError,
  };
}

function oldEngine(variant: Variant, { engine }: Situation): Obstacle | null {
  if (isAtLeast(engine, variant.min_onnxruntime)) return null;
  return {
    reason: `needs ONNX Runtime ${variant.min_onnxruntime}, this is ${engine}`,
    remedy: `install a newer onnxruntime-web, or ${INSTEAD}`,
    error: BundleError,
  };
}

function noLibrary(variant: Variant): Obstacle | null {
  if (!variant.library?.required) return null;
  const { name, version } = variant.library;
  return { reason: `needs ${name} ${version}, not here`, remedy: INSTEAD, error: BundleError };
}

function otherCpu(variant: Variant, { instructionSets, provider }: Situation): Obstacle | null {
  const needed = variant.instruction_sets;
  if (provider.needs !== "cpu" || !needed.length || needed.some((each) => instructionSets.includes(each))) return null;
  return {
    reason: `has 8-bit weights and needs ${needed.join(" or ")}, so answers would be wrong`,
    remedy: INSTEAD,
    error: BundleError,
  };
}

/** What may stand in the way of a variant; the first that does is said. */
const CHECKS: readonly Check[] = [otherTask, otherProvider, otherOperators, oldEngine, noLibrary, otherCpu];

/** Whether a version is not older, by its first two numbers. */
function isAtLeast(found: string, least: string): boolean {
  const [major, minor] = found.split(".").map((part) => Number.parseInt(part, 10));
  const [leastMajor, leastMinor] = least.split(".").map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
