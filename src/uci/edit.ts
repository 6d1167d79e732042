import { UsageError } from '../base/index.ts';
import { assemble, type KeptSection, type TargetSection } from './assemble.ts';
import type { UciDocument } from './document.ts';
import {
  findOption,
  sameValue,
  type UciOption,
  type UciPackage,
  type UciSection,
  type UciValue,
} from './model.ts';
import { isUciName, isUciType } from './names.ts';
import { parseUci } from './parse.ts';
import { sectionLines } from './print.ts';

/*
 * Edits of a parsed file. Each returns the new document: the statements it touches are changed, every other
 * byte of the file stays, comments included. A section is named as on uci's command line: its name, a
 * generated name, or `@type[n]`. What cannot be done is a UsageError.
 */

/** The index of the section that `reference` names, or undefined. */
export function findSection(content: UciPackage, reference: string): number | undefined {
  const [, type, number] = /^@([^[\]]*)\[(-?\d{1,9})\]$/u.exec(reference) ?? [];
  if (type === undefined || number === undefined) {
    const index = content.sections.findIndex((section) => section.name === reference);
    return index < 0 ? undefined : index;
  }
  const indices = [...content.sections.keys()].filter(
    (index) => type === '' || content.sections[index]?.type === type,
  );
  return indices.at(Number(number)) ?? undefined;
}

/** Gives an option a value, or a list its items; an empty string or list deletes it. */
export function setOption(
  document: UciDocument,
  section: string,
  option: string,
  value: string | readonly string[],
): UciDocument {
  checkName(option);
  for (const text of typeof value === 'string' ? [value] : value) checkValue(text);
  return changeOption(document, section, option, () =>
    typeof value === 'string' ? { kind: 'option', value } : { kind: 'list', values: value },
  );
}

/** Deletes an option or list; UsageError where there is none. */
export function deleteOption(document: UciDocument, section: string, option: string): UciDocument {
  return changeOption(document, section, option, (old) => {
    if (old === undefined) throw new UsageError('USAGE', `section '${section}' has no option '${option}'`);
    return undefined;
  });
}

/** Adds an item at a list's end; a string that was there becomes the first item. */
export function addListItem(
  document: UciDocument,
  section: string,
  option: string,
  item: string,
): UciDocument {
  checkName(option);
  checkValue(item);
  return changeOption(document, section, option, (old) => ({
    kind: 'list',
    values: [...itemsOf(old), item],
  }));
}

/** Removes every item of a list that equals `item`; the last one takes the list along. */
export function removeListItem(
  document: UciDocument,
  section: string,
  option: string,
  item: string,
): UciDocument {
  return changeOption(document, section, option, (old) => {
    if (old?.kind !== 'list') return old;
    return { kind: 'list', values: old.values.filter((value) => value !== item) };
  });
}

/** What a new section is. */
export interface NewSection {
  readonly type: string;
  /** Anonymous without one. */
  readonly name?: string;
  readonly options?: readonly UciOption[];
  /** Its place among the sections; the end unless given. */
  readonly position?: number;
}

/** Adds a section; UsageError where its name exists. */
export function addSection(document: UciDocument, added: NewSection): UciDocument {
  if (!isUciType(added.type)) throw new UsageError('USAGE', `'${added.type}' is no section type`);
  if (added.name !== undefined) checkFreeName(document, added.name);
  for (const option of added.options ?? []) {
    checkName(option.name);
    for (const value of itemsOf(option)) checkValue(value);
  }
  const section: UciSection = {
    type: added.type,
    name: added.name ?? '',
    anonymous: added.name === undefined,
    options: (added.options ?? []).filter((option) => itemsOf(option).length > 0),
  };
  const target: TargetSection[] = keepAll(document);
  const position = added.position ?? target.length;
  target.splice(position, 0, { kind: 'added', section, text: sectionLines(section) });
  return apply(document, target);
}

/** Deletes a section, wherever the file opens it. Comments stay. */
export function deleteSection(document: UciDocument, section: string): UciDocument {
  const index = getSection(document, section);
  return apply(
    document,
    keepAll(document).filter((entry) => entry.index !== index),
  );
}

/** Names a section, or gives it another name; UsageError where that exists. */
export function renameSection(document: UciDocument, section: string, name: string): UciDocument {
  const index = getSection(document, section);
  checkFreeName(document, name);
  return apply(
    document,
    keepAll(document).map((entry) =>
      entry.index === index ? { ...entry, section: { ...entry.section, name, anonymous: false } } : entry,
    ),
  );
}

/** Moves a section to a place among the others, from 0; the comment right above it goes along. */
export function reorderSection(document: UciDocument, section: string, position: number): UciDocument {
  const index = getSection(document, section);
  const target = keepAll(document);
  const moved = target.splice(index, 1);
  target.splice(position, 0, ...moved);
  return apply(document, target);
}

function changeOption(
  document: UciDocument,
  section: string,
  name: string,
  change: (old: UciOption | undefined) => UciValue | undefined,
): UciDocument {
  const index = getSection(document, section);
  const found = document.package.sections[index];
  const old = found === undefined ? undefined : findOption(found, name);
  const value = withoutEmpty(change(old));
  if (sameValue(old, value)) return document;
  const target = keepAll(document).map((entry): KeptSection => {
    if (entry.index !== index) return entry;
    const options = new Map(entry.section.options.map((option) => [option.name, option]));
    if (value === undefined) options.delete(name);
    else options.set(name, { ...value, name });
    return {
      ...entry,
      section: { ...entry.section, options: [...options.values()] },
      changes: new Map([[name, value]]),
    };
  });
  return apply(document, target);
}

/** An empty list, as an empty string, is no value. */
function withoutEmpty(value: UciValue | undefined): UciValue | undefined {
  const content = value?.kind === 'list' ? value.values : value?.value;
  return content === undefined || content.length === 0 ? undefined : value;
}

function apply(document: UciDocument, target: readonly TargetSection[]): UciDocument {
  const bytes = assemble(document, target);
  if (bytes === undefined)
    throw new UsageError('USAGE', 'a section would get the name that uci generates for another one');
  return parseUci(bytes);
}

function keepAll(document: UciDocument): KeptSection[] {
  return document.package.sections.map((section, index) => ({
    kind: 'kept',
    index,
    section,
    changes: new Map(),
  }));
}

function getSection(document: UciDocument, reference: string): number {
  const index = findSection(document.package, reference);
  if (index === undefined) throw new UsageError('USAGE', `there is no section '${reference}'`);
  return index;
}

function itemsOf(value: UciValue | undefined): readonly string[] {
  if (value === undefined) return [];
  return value.kind === 'list' ? value.values : value.value === '' ? [] : [value.value];
}

function checkName(name: string): void {
  if (!isUciName(name)) throw new UsageError('USAGE', `'${name}' is no name: letters, digits and _ make one`);
}

function checkFreeName(document: UciDocument, name: string): void {
  checkName(name);
  if (document.package.sections.some((section) => section.name === name))
    throw new UsageError('USAGE', `there is a section '${name}' already`);
}

/** As `uci set`: no control characters but tab, newline and carriage return; bytes only. */
function checkValue(value: string): void {
  if (/[\0-\x08\x0b\x0c\x0e-\x1f]|[^\0-\xff]/u.test(value))
    throw new UsageError('USAGE', 'a value holds a control character, or is no byte string');
}
