/** What a tokenizer makes of a text before it is split. */

import { TokenizerError } from "../errors.js";
import { toNormalForm, type NormalForm } from "./normal_forms.js";
import { flagOf, stepsOf, stringOf, unknownPart, type Part } from "./parts.js";
import { patternOf } from "./pattern.js";
import type { PlacedText } from "./placed_text.js";
import { CharacterMap } from "./precompiled.js";
import { isAccent, isChinese, isControl, isNonspacingMark, isWhiteSpace } from "./unicode.js";

export type Normalizer = (text: PlacedText) => PlacedText;

/** Times that a step may lengthen a text; the longest decomposition of Unicode has 18 characters. */
const MOST = 32;
const SMALL = 100;

/** All steps of the section `normalizer`. */
export function buildNormalizer(section: unknown): Normalizer {
  const steps = stepsOf(section, "normalizers").map((part) => bounded(part, build(part)));
  return (text) => steps.reduce((before, step) => step(before), text);
}

function build(part: Part): Normalizer {
  switch (part.type) {
    case "BertNormalizer":
      return bert(part);
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return (text) => toNormalForm(text, part.type as NormalForm);
    case "Lowercase":
      return lowercase;
    case "StripAccents":
      return (text) => text.filter((character) => !isAccent(character));
    case "Strip":
      return (text) => strip(text, flagOf(part, "strip_left"), flagOf(part, "strip_right"));
    case "Replace":
      return replace(part);
    case "Prepend":
      return (text) => text.prepended(Array.from(stringOf(part, "prepend")));
    case "Precompiled":
      return precompiled(part);
    default:
      throw unknownPart("normalizer", part);
  }
}

/** A step that makes a text longer without bound is refused. */
function bounded(part: Part, step: Normalizer): Normalizer {
  return (text) => {
    const found = step(text);
    if (found.length > MOST * Math.max(text.length, SMALL)) {
      throw new TokenizerError(
        `tokenizer.json has a normalizer (${part.type}) that makes ${found.length} characters of ` +
          `${text.length}, expected at most ${MOST} times as many; do not use this bundle unless you ` +
          "know where it comes from",
      );
    }
    return found;
  };
}

function bert(part: Part): Normalizer {
  const lower = flagOf(part, "lowercase");
  const steps: Normalizer[] = [];
  if (flagOf(part, "clean_text")) steps.push(clean);
  if (flagOf(part, "handle_chinese_chars")) steps.push(spaceChinese);
  if (flagOf(part, "strip_accents", lower)) steps.push(stripMarks);
  if (lower) steps.push(lowercase);
  return (text) => steps.reduce((before, step) => step(before), text);
}

const clean: Normalizer = (text) =>
  text
    .filter((character) => !isControl(character))
    .flatMap((character) => (isWhiteSpace(character) ? " " : character));

const spaceChinese: Normalizer = (text) =>
  text.flatMap((character) => (isChinese(character) ? [" ", character, " "] : character));

const stripMarks: Normalizer = (text) =>
  toNormalForm(text, "NFD").filter((character) => !isNonspacingMark(character));

/** Each character by itself: a final sigma is one like others. */
const lowercase: Normalizer = (text) =>
  text.flatMap((character) => {
    const lower = character.toLowerCase();
    return lower.length > character.length ? Array.from(lower) : lower;
  });

function strip(text: PlacedText, left: boolean, right: boolean): PlacedText {
  let first = 0;
  let stop = text.length;
  while (left && first < stop && isWhiteSpace(text.characters[first]!)) first += 1;
  while (right && stop > first && isWhiteSpace(text.characters[stop - 1]!)) stop -= 1;
  return first || stop < text.length ? text.slice(first, stop) : text;
}

function replace(part: Part): Normalizer {
  const find = patternOf(part.pattern);
  const content = Array.from(stringOf(part, "content"));
  return (text) => {
    const spans = find(text.characters).flatMap(([first, stop, matched]) => (matched ? [[first, stop] as const] : []));
    return spans.length ? text.replaced(spans, content) : text;
  };
}

function precompiled(part: Part): Normalizer {
  const encoded = stringOf(part, "precompiled_charsmap");
  if (!encoded) return (text) => text;
  const map = new CharacterMap(encoded);
  return (text) => map.apply(text);
}
