/** A text that was changed and still knows which characters of the original each of its own is. */

/**
 * One character of a changed text. 0 replaces a character; a positive number inserts one, which
 * belongs to the character before it; a negative one replaces a character and drops so many more.
 */
export type Change = readonly [character: string, change: number];

/**
 * Characters with the places in UTF-16 units of the original that each stands for; as
 * `NormalizedString` of the Rust library, whose unit is the byte.
 */
export class PlacedText {
  private constructor(
    readonly characters: readonly string[],
    private readonly starts: readonly number[],
    private readonly ends: readonly number[],
    /** Where it begins in the original. */
    readonly origin: number,
  ) {}

  static of(text: string): PlacedText {
    const characters = Array.from(text);
    const ends: number[] = [];
    let at = 0;
    for (const character of characters) ends.push((at += character.length));
    return new PlacedText(characters, [0, ...ends.slice(0, -1)], ends, 0);
  }

  get length(): number {
    return this.characters.length;
  }

  get text(): string {
    return this.characters.join("");
  }

  /** Start and end in the original of the characters from one to before another. */
  placeOf(first: number, stop: number): readonly [start: number, end: number] {
    if (first >= stop) {
      const at = this.starts[first] ?? this.ends.at(-1) ?? this.origin;
      return [at, at];
    }
    return [this.starts[first]!, this.ends[stop - 1]!];
  }

  slice(first: number, stop: number): PlacedText {
    return new PlacedText(
      this.characters.slice(first, stop),
      this.starts.slice(first, stop),
      this.ends.slice(first, stop),
      this.placeOf(first, stop)[0],
    );
  }

  /** Only the characters that are to be kept. */
  filter(keep: (character: string) => boolean): PlacedText {
    const kept = this.characters.flatMap((character, at) => (keep(character) ? [at] : []));
    if (kept.length === this.length) return this;
    return new PlacedText(
      kept.map((at) => this.characters[at]!),
      kept.map((at) => this.starts[at]!),
      kept.map((at) => this.ends[at]!),
      this.origin,
    );
  }

  /** Each character replaced by one or more. */
  flatMap(replace: (character: string) => string | readonly string[]): PlacedText {
    const changes: Change[] = [];
    let changed = false;
    for (const character of this.characters) {
      const found = replace(character);
      changed ||= found !== character;
      if (typeof found === "string") changes.push([found, 0]);
      else found.forEach((each, at) => changes.push([each, at ? 1 : 0]));
    }
    return changed ? this.changed(changes) : this;
  }

  /** The text that changes make of it. */
  changed(changes: readonly Change[]): PlacedText {
    const starts: number[] = [];
    const ends: number[] = [];
    let at = 0;
    for (const [, change] of changes) {
      const owner = change > 0 ? at - 1 : at;
      starts.push(owner < 0 ? this.origin : this.starts[owner]!);
      ends.push(owner < 0 ? this.origin : this.ends[owner]!);
      if (change <= 0) at += 1 - change;
    }
    const characters = changes.map(([character]) => character);
    return new PlacedText(characters, starts, ends, this.origin);
  }

  /** With characters in place of some spans, in order; they belong to the last of the span. */
  replaced(spans: readonly (readonly [first: number, stop: number])[], content: readonly string[]): PlacedText {
    const characters: string[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const keep = (first: number, stop: number): void => {
      for (let at = first; at < stop; at += 1) {
        characters.push(this.characters[at]!);
        starts.push(this.starts[at]!);
        ends.push(this.ends[at]!);
      }
    };
    let done = 0;
    for (const [first, stop] of spans) {
      keep(done, first);
      const [start, end] = stop > 0 ? this.placeOf(stop - 1, stop) : [this.origin, this.origin];
      for (const character of content) {
        characters.push(character);
        starts.push(start);
        ends.push(end);
      }
      done = stop;
    }
    keep(done, this.length);
    return new PlacedText(characters, starts, ends, this.origin);
  }

  /** With characters before it, which belong to its first. */
  prepended(content: readonly string[]): PlacedText {
    if (!this.length || !content.length) return this;
    const [start, end] = this.placeOf(0, 1);
    return new PlacedText(
      [...content, ...this.characters],
      [...content.map(() => start), ...this.starts],
      [...content.map(() => end), ...this.ends],
      this.origin,
    );
  }
}
