/** Texts put together with the tokens that a tokenizer adds. */

import { flagOf, stepsOf, unknownPart, type Part } from "./parts.js";
import { BYTES } from "./pre_tokenizer.js";
import { append, marked, noTokens, type Tokens } from "./tokens.js";
import { isWhiteSpace } from "./unicode.js";

/** The tokens of one text, or of two. */
export type PostProcessor = (texts: readonly Tokens[]) => Tokens;

/** A place in a template: an added token, or the tokens of a text. */
type Slot = { id: number; piece: string; type: number } | { source: number; type: number };

type Step = (texts: readonly Tokens[]) => readonly Tokens[];

/** All steps of the section `post_processor`. */
export function buildPostProcessor(section: unknown): PostProcessor {
  const steps = stepsOf(section, "processors").flatMap(build);
  return (texts) => {
    const typed = texts.map((tokens, source) => marked(tokens, source, source));
    const parts = steps.reduce<readonly Tokens[]>((before, step) => step(before), typed);
    const whole = noTokens();
    for (const part of parts) append(whole, part);
    return whole;
  };
}

function build(part: Part): Step[] {
  switch (part.type) {
    case "TemplateProcessing":
      return [template(part)];
    case "BertProcessing":
      return [framed(part, false)];
    case "RobertaProcessing":
      return [...(flagOf(part, "trim_offsets", true) ? [trimmed(part)] : []), framed(part, true)];
    case "ByteLevel":
      return flagOf(part, "trim_offsets", true) ? [trimmed(part)] : [];
    default:
      throw unknownPart("post_processor", part);
  }
}

function fill(slots: readonly Slot[], texts: readonly Tokens[]): readonly Tokens[] {
  const whole = noTokens();
  for (const slot of slots) {
    if ("source" in slot) append(whole, marked(texts[slot.source]!, slot.type, slot.source));
    else append(whole, addedToken(slot.id, slot.piece, slot.type));
  }
  return [whole];
}

function addedToken(id: number, piece: string, type: number): Tokens {
  return { ids: [id], types: [type], pieces: [piece], starts: [0], ends: [0], words: [null], sources: [null] };
}

interface Special {
  ids: number[];
  tokens: string[];
}

type TemplatePiece = { SpecialToken: { id: string; type_id: number } } | { Sequence: { id: string; type_id: number } };

function template(part: Part): Step {
  const specials = part.special_tokens as Record<string, Special>;
  const slotsOf = (pieces: unknown): Slot[] =>
    (pieces as TemplatePiece[]).flatMap((piece): Slot[] => {
      if ("Sequence" in piece) return [{ source: piece.Sequence.id === "A" ? 0 : 1, type: piece.Sequence.type_id }];
      const { ids, tokens } = specials[piece.SpecialToken.id]!;
      return ids.map((id, at) => ({ id, piece: tokens[at]!, type: piece.SpecialToken.type_id }));
    });
  const [single, pair] = [slotsOf(part.single), slotsOf(part.pair)];
  return (texts) => fill(texts.length > 1 ? pair : single, texts);
}

/** `[CLS] A [SEP] B [SEP]`, or RoBERTa's `<s> A </s></s> B </s>`, where all is of one segment. */
function framed(part: Part, isRoberta: boolean): Step {
  const added = (key: string, type: number): Slot => {
    const [piece, id] = part[key] as [string, number];
    return { id, piece, type };
  };
  const second = isRoberta ? 0 : 1;
  const single: Slot[] = [added("cls", 0), { source: 0, type: 0 }, added("sep", 0)];
  const pair: Slot[] = [
    ...single,
    ...(isRoberta ? [added("sep", 0)] : []),
    { source: 1, type: second },
    added("sep", second),
  ];
  return (texts) => fill(texts.length > 1 ? pair : single, texts);
}

/** Places without the spaces that byte-level BPE has in its tokens. */
function trimmed(part: Part): Step {
  const spaced = flagOf(part, "add_prefix_space", true);
  return (texts) => texts.map((tokens) => trim(tokens, spaced));
}

function trim(tokens: Tokens, spaced: boolean): Tokens {
  const [starts, ends] = [[...tokens.starts], [...tokens.ends]];
  tokens.pieces.forEach((piece, at) => {
    const characters = Array.from(piece);
    const solid = characters.findIndex((each) => !isSpace(each));
    const behind = [...characters].reverse().findIndex((each) => !isSpace(each));
    let leading = solid < 0 ? characters.length : solid;
    const trailing = behind < 0 ? characters.length : behind;
    if (leading === 1 && spaced && (at === 0 || starts[at] === 0)) leading = 0;
    starts[at] = Math.min(starts[at]! + leading, ends[at]!);
    if (trailing && ends[at]! >= trailing) ends[at] = Math.max(ends[at]! - trailing, starts[at]!);
  });
  return { ...tokens, starts, ends };
}

function isSpace(character: string): boolean {
  return character === BYTES[0x20] || isWhiteSpace(character);
}
