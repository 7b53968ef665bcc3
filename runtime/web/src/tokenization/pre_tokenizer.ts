/** What a tokenizer splits a text into before its model sees it: mostly words. */

import { flagOf, stepsOf, stringOf, unknownPart, type Part } from "./parts.js";
import { ofClass, ofExpression, patternOf, type Find, type Match } from "./pattern.js";
import type { PlacedText } from "./placed_text.js";
import { isLetter, isNumber, isNumeric, isPunctuation, isWhiteSpace } from "./unicode.js";

export type PreTokenizer = (text: PlacedText) => PlacedText[];

/** All steps of the section `pre_tokenizer`; none of the parts is empty. */
export function buildPreTokenizer(section: unknown): PreTokenizer {
  const steps = stepsOf(section, "pretokenizers").map(build);
  return (text) =>
    steps.reduce((parts, step) => parts.flatMap(step).filter((part) => part.length), [text]);
}

function build(part: Part): PreTokenizer {
  switch (part.type) {
    case "BertPreTokenizer":
      return (text) =>
        splitBy(ofClass(isWhiteSpace), "Removed")(text).flatMap(splitBy(ofClass(isPunctuation), "Isolated"));
    case "WhitespaceSplit":
      return splitBy(ofClass(isWhiteSpace), "Removed");
    case "Whitespace":
      return splitBy(inverted(ofExpression(WORDS)), "Removed");
    case "Punctuation":
      return splitBy(ofClass(isPunctuation), stringOf(part, "behavior", "Isolated"));
    case "Digits":
      return splitBy(ofClass(isNumeric), flagOf(part, "individual_digits") ? "Isolated" : "Contiguous");
    case "Split":
      return split(part);
    case "Metaspace":
      return metaspace(part);
    case "ByteLevel":
      return byteLevel(part);
    default:
      throw unknownPart("pre_tokenizer", part);
  }
}

const WORDS =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;

/** Split where a pattern matches; `behavior` says what becomes of the matches. */
function splitBy(find: Find, behavior: string): PreTokenizer {
  return (text) =>
    joined(find(text.characters), behavior)
      .filter(([first, stop]) => first < stop)
      .map(([first, stop]) => text.slice(first, stop));
}

/** Matches and what lies between, put together as `SplitDelimiterBehavior` says. */
function joined(matches: readonly Match[], behavior: string): Match[] {
  if (behavior === "Removed") return matches.filter(([, , matched]) => !matched);
  if (behavior === "Isolated") return [...matches];
  const found: Match[] = [];
  let before: boolean | null = null;
  for (const [first, stop, matched] of matches) {
    const last = found.at(-1);
    const joins = {
      Contiguous: before === matched,
      MergedWithPrevious: matched && before === false,
      MergedWithNext: !matched && before === true,
    }[behavior];
    if (last && joins) found[found.length - 1] = [last[0], stop, matched];
    else found.push([first, stop, matched]);
    before = matched;
  }
  return found;
}

function inverted(find: Find): Find {
  return (characters) => find(characters).map(([first, stop, matched]) => [first, stop, !matched]);
}

function split(part: Part): PreTokenizer {
  const find = patternOf(part.pattern);
  return splitBy(flagOf(part, "invert") ? inverted(find) : find, stringOf(part, "behavior", "Isolated"));
}

function metaspace(part: Part): PreTokenizer {
  const mark = stringOf(part, "replacement", "▁");
  const legacy = part.add_prefix_space === false ? "never" : "always";
  const scheme = stringOf(part, "prepend_scheme", legacy);
  const divide = splitBy(ofClass((character) => character === mark), "MergedWithNext");
  return (text) => {
    const marked = text.flatMap((character) => (character === " " ? mark : character));
    const prepends = scheme === "always" || (scheme === "first" && text.origin === 0);
    const whole = prepends && marked.characters[0] !== mark ? marked.prepended([mark]) : marked;
    return flagOf(part, "split", true) ? divide(whole) : [whole];
  };
}

/** Byte → the character that byte-level BPE writes for it. */
export const BYTES: readonly string[] = writtenBytes();

function writtenBytes(): string[] {
  let beyond = 0x100;
  const isWritten = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  return Array.from({ length: 0x100 }, (_, byte) => String.fromCharCode(isWritten(byte) ? byte : beyond++));
}

function byteLevel(part: Part): PreTokenizer {
  const encoder = new TextEncoder();
  const written = (character: string): string | string[] => {
    const bytes = Array.from(encoder.encode(character), (byte) => BYTES[byte]!);
    return bytes.length === 1 ? bytes[0]! : bytes;
  };
  return (text) => {
    const spaced = flagOf(part, "add_prefix_space", true) && text.characters[0] !== " ";
    const whole = spaced ? text.prepended([" "]) : text;
    const parts = flagOf(part, "use_regex", true) ? splitBy(gpt2Words, "Isolated")(whole) : [whole];
    return parts.map((each) => each.flatMap(written));
  };
}

const CONTRACTIONS = ["s", "t", "re", "ve", "m", "ll", "d"];
const KINDS = [isLetter, isNumber, (each: string) => !isWhiteSpace(each) && !isLetter(each) && !isNumber(each)];

/** `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, of GPT-2. */
function gpt2Words(characters: readonly string[]): Match[] {
  const matches: Match[] = [];
  for (let at = 0; at < characters.length; ) {
    const stop = gpt2End(characters, at);
    matches.push([at, stop, true]);
    at = stop;
  }
  return matches;
}

function gpt2End(characters: readonly string[], at: number): number {
  if (characters[at] === "'") {
    const next = characters.slice(at + 1, at + 3).join("");
    const found = CONTRACTIONS.find((each) => next.startsWith(each));
    if (found) return at + 1 + found.length;
  }
  const first = characters[at] === " " ? at + 1 : at;
  const kind = KINDS.find((holds) => first < characters.length && holds(characters[first]!));
  if (kind) return runEnd(characters, first, kind);
  const end = runEnd(characters, at, isWhiteSpace);
  return end < characters.length && end - at > 1 ? end - 1 : end;
}

function runEnd(characters: readonly string[], at: number, holds: (character: string) => boolean): number {
  let end = at;
  while (end < characters.length && holds(characters[end]!)) end += 1;
  return end;
}
