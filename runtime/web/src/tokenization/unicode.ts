/** Which characters are what, as the Rust library has it. */

import * as tables from "./unicode_tables.js";

/** A class of characters, each a string of one code point. */
export type CharacterClass = (character: string) => boolean;

const DIRECT = 0x300;

function readRanges(table: string): Int32Array {
  const numbers = table.split(" ").map((digits) => parseInt(digits, 36));
  let at = 0;
  return Int32Array.from(numbers, (number) => (at += number));
}

/** How many of the sorted bounds are at or below a code point; odd within a range. */
function boundsBelow(bounds: Int32Array, code: number): number {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[middle]! <= code) low = middle + 1;
    else high = middle;
  }
  return low;
}

function classOf(table: string): CharacterClass {
  const bounds = readRanges(table);
  const holds = (code: number): boolean => boundsBelow(bounds, code) % 2 === 1;
  const direct = Array.from({ length: DIRECT }, (_, code) => holds(code));
  return (character) => {
    const code = character.codePointAt(0)!;
    return code < DIRECT ? direct[code]! : holds(code);
  };
}

export const isWhiteSpace = classOf(tables.WHITE_SPACE);
/** ASCII's symbols, and what Unicode calls punctuation. */
export const isPunctuation = classOf(tables.PUNCTUATION);
export const isLetter = classOf(tables.LETTER);
/** As the pattern of byte-level BPE has it. */
export const isNumber = classOf(tables.NUMBER);
/** As the pre-tokenizer `Digits` has it. */
export const isNumeric = classOf(tables.NUMERIC);
/** What BERT drops. */
export const isControl = classOf(tables.CONTROL);
export const isNonspacingMark = classOf(tables.NONSPACING_MARK);
/** What `StripAccents` drops. */
export const isAccent = classOf(tables.ACCENT);
/** What BERT puts between spaces. */
export const isChinese = classOf(tables.CHINESE);
/** Whether a normal form takes it apart. */
export const isComposed = classOf(tables.COMPOSED);

/** Bounds of the ranges of marks, sorted, and the order of those from each bound on; 0 is no mark. */
const MARKS = readMarks();

function readMarks(): { bounds: Int32Array; orders: number[] } {
  const found = Object.entries(tables.COMBINING_CLASS).flatMap(([order, table]) =>
    Array.from(readRanges(table), (bound, at) => [bound, at % 2 ? 0 : Number(order)] as const),
  );
  found.sort(([one, order], [other]) => one - other || (order ? 1 : -1)); // a range may end where another begins
  return { bounds: Int32Array.from(found, ([bound]) => bound), orders: found.map(([, order]) => order) };
}

/** The order of a mark among those behind one character; 0 for what is not moved. */
export function combiningClass(character: string): number {
  const code = character.codePointAt(0)!;
  return code < DIRECT ? 0 : (MARKS.orders[boundsBelow(MARKS.bounds, code) - 1] ?? 0);
}

/** How many bytes of UTF-8 a character has. */
export function utf8Length(character: string): number {
  const code = character.codePointAt(0)!;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}
