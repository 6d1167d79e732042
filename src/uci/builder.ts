import type { UciOption, UciPackage, UciSection } from './model.ts';
import { generatedName } from './names.ts';

/**
 * Where an option goes whose value changes while a file is read: libuci before March 2023 (up to OpenWrt
 * 22.03) puts it behind the others, later ones leave it in its place. Only the order in `export` differs.
 */
export type RepeatedOption = 'moves' | 'stays';

interface OpenSection {
  type: string;
  name: string;
  anonymous: boolean;
  options: Map<string, UciOption>;
}

/** Puts a package together from statements, as libuci does while it loads a file. */
export class PackageBuilder {
  readonly #sections: OpenSection[] = [];
  readonly #byName = new Map<string, number>();
  readonly #repeated: RepeatedOption;

  constructor(repeated: RepeatedOption) {
    this.#repeated = repeated;
  }

  /** The type of the section that has this name already, generated names included. */
  typeOf(name: string): string | undefined {
    const index = this.#byName.get(name);
    return index === undefined ? undefined : this.#sections[index]?.type;
  }

  /** Opens a section, again where the name exists; returns its index. */
  open(type: string, given: string | undefined): number {
    const known = given === undefined ? undefined : this.#byName.get(given);
    if (known !== undefined) return known;
    const index = this.#sections.length;
    const name = given ?? generatedName(index + 1, type);
    this.#sections.push({ type, name, anonymous: given === undefined, options: new Map() });
    // A generated name may repeat a given one; the first keeps it.
    if (!this.#byName.has(name)) this.#byName.set(name, index);
    return index;
  }

  /** `option`: sets the value; an empty one is as if it were not there. */
  set(section: number, name: string, value: string): void {
    if (value === '') return;
    const options = this.#options(section);
    const old = options.get(name);
    if (old?.kind === 'option' && old.value === value) return;
    this.#put(options, { name, kind: 'option', value });
  }

  /** `list`: adds an item, empty or not; a string that was there becomes the first item. */
  add(section: number, name: string, value: string): void {
    const options = this.#options(section);
    const old = options.get(name);
    if (old?.kind === 'list') (old.values as string[]).push(value);
    else this.#put(options, { name, kind: 'list', values: old === undefined ? [value] : [old.value, value] });
  }

  build(): UciPackage {
    const sections = this.#sections.map(
      ({ type, name, anonymous, options }): UciSection => ({
        type,
        name,
        anonymous,
        options: [...options.values()],
      }),
    );
    return { sections };
  }

  #put(options: Map<string, UciOption>, option: UciOption): void {
    if (this.#repeated === 'moves') options.delete(option.name);
    options.set(option.name, option);
  }

  #options(section: number): Map<string, UciOption> {
    return this.#sections[section]?.options ?? new Map();
  }
}
