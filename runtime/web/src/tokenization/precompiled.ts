/** The map of characters that SentencePiece compiles into a model: a trie over bytes of UTF-8. */

import { TokenizerError } from "../errors.js";
import type { Change, PlacedText } from "./placed_text.js";
import { utf8Length } from "./unicode.js";

/** In bytes; a longer cluster is looked up character by character. */
const LONGEST_CLUSTER = 5;

/** Source: https://github.com/s-yata/darts-clone, and spm_precompiled of the Rust library. */
export class CharacterMap {
  private readonly units: Uint32Array;
  private readonly replacements: Uint8Array;
  private readonly known = new Map<string, string | null>();
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  private readonly segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

  constructor(encoded: string) {
    const bytes = decodeBase64(encoded);
    const view = new DataView(bytes.buffer);
    const size = bytes.length >= 4 ? view.getUint32(0, true) : bytes.length;
    if (size % 4 || 4 + size > bytes.length) {
      throw new TokenizerError("tokenizer.json has a map of characters that ends early; export the model again");
    }
    this.units = Uint32Array.from({ length: size / 4 }, (_, at) => view.getUint32(4 + 4 * at, true));
    this.replacements = bytes.subarray(4 + size);
  }

  apply(text: PlacedText): PlacedText {
    const changes: Change[] = [];
    let changed = false;
    for (const { segment } of this.segmenter.segment(text.text)) {
      const characters = Array.from(segment);
      const bytes = characters.reduce((sum, character) => sum + utf8Length(character), 0);
      const whole = bytes <= LONGEST_CLUSTER ? this.find(segment) : null;
      if (whole !== null) {
        changed = true;
        addReplacement(changes, characters.length, Array.from(whole));
        continue;
      }
      for (const character of characters) {
        const found = this.find(character);
        changed ||= found !== null;
        if (found === null) changes.push([character, 0]);
        else addReplacement(changes, 1, Array.from(found));
      }
    }
    return changed ? text.changed(changes) : text;
  }

  /** What the shortest beginning that the trie has becomes; null where it has none. */
  private find(key: string): string | null {
    let found = this.known.get(key);
    if (found === undefined) {
      const at = this.search(this.encoder.encode(key));
      found = at === null ? null : this.replacementAt(at);
      this.known.set(key, found);
    }
    return found;
  }

  private search(key: Uint8Array): number | null {
    let at = offsetOf(this.units[0] ?? 0);
    for (const byte of key) {
      if (byte === 0) return null;
      at ^= byte;
      const unit = this.units[at] ?? 0;
      if ((unit & 0x800000ff) >>> 0 !== byte) return null;
      at ^= offsetOf(unit);
      if ((unit >>> 8) & 1) return (this.units[at] ?? 0) & 0x7fffffff;
    }
    return null;
  }

  private replacementAt(start: number): string {
    const end = this.replacements.indexOf(0, start);
    return this.decoder.decode(this.replacements.subarray(start, end < 0 ? undefined : end));
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

/** As the Rust library counts: what is inserted comes last, what is dropped goes with the last. */
function addReplacement(changes: Change[], old: number, content: readonly string[]): void {
  const more = content.length - old;
  content.forEach((character, at) => changes.push([character, at >= content.length - more ? 1 : 0]));
  const last = changes.at(-1);
  if (more < 0 && last) changes[changes.length - 1] = [last[0], last[1] + more];
}

function decodeBase64(encoded: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  } catch (error) {
    throw new TokenizerError("tokenizer.json has a map of characters that is not base64; export the model again", {
      cause: error,
    });
  }
}
