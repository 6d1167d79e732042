/** House rules of LuCI's pages that can be seen in their text, and what their access rules and menu name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { rpcMethods } from '../../src/rpc/index.ts';

const root = new URL('../..', import.meta.url).pathname;
const resources = join(root, 'files/www/luci-static/resources');
const scripts = ['opkg-ostree', 'view/opkg-ostree'].flatMap((folder) =>
  readdirSync(join(resources, folder)).map((name) => `${folder}/${name}`),
);
const readJson = <T>(path: string): T => JSON.parse(readFileSync(join(root, path), 'utf8')) as T;

/** What LuCI gives to a script: nothing is known of it, but that it is there. */
const given = ['E', 'L', '_', 'N_', 'baseclass', 'view', 'rpc', 'ui', 'poll', 'form', 'dom'];

/** Where calls are, each with its callee as written. */
function callsOf(source: ts.SourceFile): ts.CallExpression[] {
  const found: ts.CallExpression[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) found.push(node);
    node.forEachChild(visit);
  };
  visit(source);
  return found;
}

/** True for an expression that may be a string, as far as its form tells. */
function mayBeString(node: ts.Expression | undefined, source: ts.SourceFile): boolean {
  if (node === undefined) return false;
  if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node) || ts.isBinaryExpression(node))
    return true;
  if (!ts.isCallExpression(node)) return false;
  return /(?:^|\.)(?:_|N_|format|plain|short|title|bytes|when|String)$/u.test(
    node.expression.getText(source),
  );
}

describe('the pages of LuCI', () => {
  it.each(scripts)('%s: no text becomes markup', (name) => {
    const text = readFileSync(join(resources, name), 'utf8');
    expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/u);
    const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
    for (const call of callsOf(source)) {
      const callee = call.expression.getText(source);
      const children = {
        E: 2,
        'ui.showModal': 0,
        'ui.addNotification': 0,
        'dom.content': 1,
        'dom.append': 1,
      }[callee];
      if (children === undefined) continue;
      const checked = [call.arguments[children], ...(callee.startsWith('ui.') ? [call.arguments[1]] : [])];
      for (const argument of checked)
        expect(mayBeString(argument, source), argument?.getText(source).slice(0, 80)).toBe(false);
    }
  });

  it('every name that a script uses is there', () => {
    const texts = new Map([['/luci.d.ts', 'interface String { format(...values: unknown[]): string }']]);
    for (const name of scripts) {
      const text = readFileSync(join(resources, name), 'utf8');
      const aliases = [...text.matchAll(/^'require \S+ as (\w+)';$/gmu)].map((match) => match[1] ?? '');
      // LuCI runs a script as the body of a function.
      const head = `function script(${[...given, ...aliases].join(', ')}) {`;
      texts.set(join('/', name), `// @ts-check\n${head} ${text}\n}\nexport {};\n`);
    }
    const options: ts.CompilerOptions = {
      allowJs: true,
      checkJs: true,
      noEmit: true,
      strict: true,
      noImplicitAny: false,
      noImplicitThis: false,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
      types: [],
    };
    const host = ts.createCompilerHost(options);
    const read = host.readFile.bind(host);
    host.readFile = (path) => texts.get(path) ?? read(path);
    host.fileExists = (path) => texts.has(path) || existsSync(path);
    const original = host.getSourceFile.bind(host);
    host.getSourceFile = (path, version) => {
      const text = texts.get(path);
      return text === undefined ? original(path, version) : ts.createSourceFile(path, text, version, true);
    };
    const program = ts.createProgram([...texts.keys()], options, host);
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map((found) => `${found.file?.fileName}: ${ts.flattenDiagnosticMessageText(found.messageText, ' ')}`);
    expect(problems).toEqual([]);
  }, 120_000);

  it('the access rules are the methods of the object, split as the methods are', () => {
    const path = 'files/usr/share/rpcd/acl.d/luci-app-opkg-ostree.json';
    type Half = { readonly ubus: Readonly<Record<string, readonly string[]>> };
    const group = readJson<Record<string, { read: Half; write: Half }>>(path)['luci-app-opkg-ostree'];
    // `remove` is for other callers too: `install` takes what is to be removed.
    expect(group?.read.ubus).toEqual({ 'opkg-ostree': rpcMethods('read') });
    expect(group?.write.ubus).toEqual({ 'opkg-ostree': rpcMethods('write') });
    expect(JSON.stringify(group)).not.toContain('exec');
    expect(JSON.stringify(group)).not.toContain('*');
  });

  it('each entry of the menu names a page that is there', () => {
    const menu = readJson<Record<string, { action: { type: string; path?: string } }>>(
      'files/usr/share/luci/menu.d/luci-app-opkg-ostree.json',
    );
    const paths = Object.values(menu).flatMap(({ action }) => (action.type === 'view' ? [action.path] : []));
    expect(paths.map((path) => `view/${path}.js`).sort()).toEqual(
      scripts.filter((name) => name.startsWith('view/')).sort(),
    );
  });
});
