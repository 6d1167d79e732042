import { bytesOf, findOption, type UciOption, type UciPackage, type UciSection } from './model.ts';

/** How `exportUci` prints; the defaults are those of `uci export`. */
export interface ExportOptions {
  /** The package's name for the `package` line; without one the result is what `uci commit` writes. */
  readonly package?: string;
  /** Print generated names as if they were given (`uci -n`). */
  readonly names?: boolean;
}

/** The value in single quotes, a quote in it as `'\''`. */
export function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/** The package in the writer's form, as a byte string. */
export function exportUci(content: UciPackage, options: ExportOptions = {}): string {
  const header = options.package === undefined ? '' : `package ${options.package}\n`;
  const sections = content.sections.map((section) => `\n${exportSection(section, options.names)}`);
  return `${header}${sections.join('')}\n`;
}

/**
 * The bytes that `uci commit` would write for the package, but for types that need quotes: those get them,
 * so that reading gives the package again.
 */
export function renderUci(content: UciPackage): Uint8Array {
  return bytesOf(`${content.sections.map((section) => `\n${sectionLines(section)}`).join('')}\n`);
}

/** One section as `renderUci` writes it. */
export function sectionLines(section: UciSection): string {
  return `${configLine(section.type, section.anonymous ? undefined : section.name)}${section.options.map(optionLines).join('')}`;
}

/** A `config` line that reads back as this type and name. */
export function configLine(type: string, name: string | undefined): string {
  const word = /^[^'"\\;#]+$/u.test(type) ? type : quoted(type);
  return `config ${word}${name === undefined ? '' : ` ${quoted(name)}`}\n`;
}

/** One section in the writer's form: its `config` line and its options. */
export function exportSection(section: UciSection, names = false): string {
  const name = section.anonymous && !names ? '' : ` ${quoted(section.name)}`;
  return `config ${section.type.replaceAll("'", "'\\''")}${name}\n${section.options.map(optionLines).join('')}`;
}

/** The `option` line, or the `list` lines, of an option in the writer's form. */
export function optionLines(option: UciOption): string {
  if (option.kind === 'option') return `\toption ${option.name} ${quoted(option.value)}\n`;
  return option.values.map((value) => `\tlist ${option.name} ${quoted(value)}\n`).join('');
}

/** How `showUci` prints. */
export interface ShowOptions {
  /** Show generated names instead of `@type[n]` (`uci -X`). */
  readonly generated?: boolean;
}

/** What `uci show PACKAGE` prints, as a byte string. */
export function showUci(content: UciPackage, name: string, options: ShowOptions = {}): string {
  const labels = sectionLabels(content);
  return content.sections
    .map((section, index) =>
      showSection(section, `${name}.${options.generated === true ? section.name : labels[index]}`),
    )
    .join('');
}

/** What `uci show PACKAGE.SECTION[.OPTION]` prints, which always says the section's own name. */
export function showPart(section: UciSection, name: string, option?: string): string | undefined {
  const path = `${name}.${section.name}`;
  if (option === undefined) return showSection(section, path);
  const found = findOption(section, option);
  return found === undefined ? undefined : showOption(found, path);
}

/** For each section the name that people use: its own, or `@type[n]`. */
export function sectionLabels(content: UciPackage): string[] {
  const counts = new Map<string, number>();
  return content.sections.map(({ type, name, anonymous }) => {
    const index = counts.get(type) ?? 0;
    counts.set(type, index + 1);
    return anonymous ? `@${type}[${index}]` : name;
  });
}

function showSection(section: UciSection, path: string): string {
  return `${path}=${section.type}\n${section.options.map((option) => showOption(option, path)).join('')}`;
}

function showOption(option: UciOption, path: string): string {
  const values = option.kind === 'option' ? [option.value] : option.values;
  return `${path}.${option.name}=${values.map(quoted).join(' ')}\n`;
}
