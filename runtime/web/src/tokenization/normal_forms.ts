/** Unicode's normal forms, with the characters that each character comes from. */

import type { Change, PlacedText } from "./placed_text.js";
import { combiningClass, isComposed } from "./unicode.js";

export type NormalForm = "NFC" | "NFD" | "NFKC" | "NFKD";

/** Below it no character is taken apart, and none has a mark in front. */
const PLAIN: Readonly<Record<NormalForm, number>> = { NFC: 0x300, NFD: 0xc0, NFKC: 0xa0, NFKD: 0xa0 };

interface Mark {
  character: string;
  change: number;
  order: number;
}

/** A text in a normal form. */
export function toNormalForm(text: PlacedText, form: NormalForm): PlacedText {
  const plain = PLAIN[form];
  if (text.characters.every((character) => character.codePointAt(0)! < plain)) return text;
  const apart = takeApart(text.characters, form.includes("K") ? "NFKD" : "NFD");
  return text.changed(form.endsWith("C") ? putTogether(apart) : apart);
}

function takeApart(characters: readonly string[], form: NormalForm): Change[] {
  const found: Change[] = [];
  let marks: Mark[] = [];
  const flush = (): void => {
    marks.sort((one, other) => one.order - other.order);
    for (const { character, change } of marks) found.push([character, change]);
    marks = [];
  };
  for (const whole of characters) {
    let change = 0;
    for (const character of isComposed(whole) ? whole.normalize(form) : [whole]) {
      const order = combiningClass(character);
      if (order === 0) {
        flush();
        found.push([character, change]);
      } else {
        marks.push({ character, change, order });
      }
      change = 1;
    }
  }
  flush();
  return found;
}

/** The canonical composition of https://unicode.org/reports/tr15/, section 1.3. */
function putTogether(apart: readonly Change[]): Change[] {
  const found: Change[] = [];
  let base = -1;
  let before = 0;
  for (const [character, change] of apart) {
    const order = combiningClass(character);
    const adjacent = base === found.length - 1;
    const blocked = !adjacent && (before >= order || before === 0);
    const whole = base < 0 || blocked ? null : compose(found[base]![0], character);
    if (whole !== null) {
      found[base] = [whole, found[base]![1] + change - 1];
      continue;
    }
    if (order === 0) base = found.length;
    before = order;
    found.push([character, change]);
  }
  return found;
}

/** The one character that two make; null where they make none. */
function compose(first: string, second: string): string | null {
  const pair = first + second;
  const whole = pair.normalize("NFC");
  if (whole === pair || whole !== String.fromCodePoint(whole.codePointAt(0)!)) return null;
  return isComposed(whole) ? whole : null;
}
