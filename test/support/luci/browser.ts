/** A headless Chromium, driven over the DevTools protocol through a pipe: messages are JSON, each ended by a NUL. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { newFolder, removeFolder } from '../world/index.ts';

type Members = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Members;
  readonly sessionId?: string;
  readonly result?: Members;
  readonly error?: { readonly message: string };
}

interface Waiting {
  readonly resolve: (result: Members) => void;
  readonly reject: (error: Error) => void;
}

/** The browser of this machine, or undefined. */
export const chromium: string | undefined = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-extensions',
  '--no-first-run',
  '--hide-scrollbars',
  '--lang=en-US',
  '--remote-debugging-pipe',
];
const patience = 30_000;

/** A running browser. */
export class Browser {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Map<string, (method: string, params: Members) => void>();
  #next = 1;
  #rest = '';

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    const output = child.stdio[4] as Readable;
    output.setEncoding('utf8');
    output.on('data', (text: string) => this.#take(text));
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser has ended'));
    });
  }

  static start(): Browser {
    const folder = newFolder('browser');
    const child = spawn(chromium ?? 'chromium', [...flags, `--user-data-dir=${join(folder, 'profile')}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, TZ: 'UTC', LC_ALL: 'C.UTF-8' },
    });
    return new Browser(child, folder);
  }

  /** A new tab, which shows nothing yet. */
  async page(): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, String(sessionId));
    this.#listeners.set(String(sessionId), (method, params) => page.heard(method, params));
    await page.send('Page.enable');
    await page.send('Runtime.enable');
    await page.send('DOM.enable');
    return page;
  }

  send(method: string, params: Members = {}, sessionId?: string): Promise<Members> {
    const id = this.#next++;
    (this.#child.stdio[3] as Writable).write(
      `${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`,
    );
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async end(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
    await removeFolder(this.#folder);
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split('\0');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) this.#dispatch(JSON.parse(part) as Message);
  }

  #dispatch({ id, method, params, sessionId, result, error }: Message): void {
    if (id === undefined) {
      if (method !== undefined) this.#listeners.get(sessionId ?? '')?.(method, params ?? {});
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error !== undefined) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result ?? {});
  }
}

/** A tab. Expressions are evaluated in the page; `find` and `text` take CSS selectors. */
export class Page {
  readonly #browser: Browser;
  readonly #session: string;
  /** What the page's scripts threw and nobody caught, and what they wrote as errors. */
  readonly problems: string[] = [];

  constructor(browser: Browser, session: string) {
    this.#browser = browser;
    this.#session = session;
  }

  send(method: string, params: Members = {}): Promise<Members> {
    return this.#browser.send(method, params, this.#session);
  }

  heard(method: string, params: Members): void {
    if (method !== 'Runtime.exceptionThrown') return;
    const details = params['exceptionDetails'] as { exception?: { description?: string }; text: string };
    this.problems.push(details.exception?.description ?? details.text);
  }

  async open(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
    await this.until('document.readyState === "complete" && !!document.querySelector("#view *")');
  }

  async reload(): Promise<void> {
    await this.evaluate('void (window.__old = true)');
    await this.send('Page.reload');
    await this.until('!window.__old && document.readyState === "complete"');
  }

  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
      userGesture: true,
    });
    const failed = answer['exceptionDetails'] as { exception?: { description?: string } } | undefined;
    if (failed !== undefined) throw new Error(failed.exception?.description ?? 'the script threw');
    return (answer['result'] as { value?: unknown }).value;
  }

  /** Waits until an expression is true; throws with what the page shows where it never is. */
  async until(expression: string, limit = patience): Promise<void> {
    const end = Date.now() + limit;
    for (;;) {
      try {
        if ((await this.evaluate(`!!(${expression})`)) === true) return;
      } catch (error) {
        // The page is being replaced; anything else shows at the limit.
        if (Date.now() > end) throw error;
      }
      if (Date.now() > end)
        throw new Error(`never true: ${expression}\nthe page shows:\n${await this.shown()}`);
      await delay(50);
    }
  }

  /** Waits for a text below a node. */
  untilText(text: string, selector = 'body', limit = patience): Promise<void> {
    return this.until(
      `document.querySelector(${JSON.stringify(selector)})?.innerText.includes(${JSON.stringify(text)})`,
      limit,
    );
  }

  async shown(): Promise<string> {
    return String(await this.evaluate('document.body.innerText'));
  }

  /** Waits for a button by its label or accessible name (within a node) and presses it with a real mouse. */
  async press(label: string, within = 'body'): Promise<void> {
    const find = `[...document.querySelectorAll(${JSON.stringify(`${within} button, ${within} a`)})].find((node) => [node.textContent.trim(), node.getAttribute('aria-label')].includes(${JSON.stringify(label)}) && !node.disabled && node.offsetParent !== null)`;
    await this.until(find);
    const place = (await this.evaluate(
      `(() => { const node = ${find}; node.scrollIntoView({ block: 'center' }); const box = node.getBoundingClientRect(); return { x: box.x + box.width / 2, y: box.y + box.height / 2 }; })()`,
    )) as { x: number; y: number };
    for (const type of ['mousePressed', 'mouseReleased'])
      await this.send('Input.dispatchMouseEvent', { type, ...place, button: 'left', clickCount: 1 });
  }

  /** Presses a key where the focus is. */
  async key(key: 'Enter' | 'Tab' | ' '): Promise<void> {
    const codes = { Enter: 13, Tab: 9, ' ': 32 };
    const base = { key, code: key === ' ' ? 'Space' : key, windowsVirtualKeyCode: codes[key] };
    const text = key === 'Enter' ? { text: '\r' } : key === ' ' ? { text: ' ' } : {};
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...base, ...text });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...base });
  }

  /** Replaces what a field holds, as typing does. */
  async type(selector: string, text: string): Promise<void> {
    await this.until(`document.querySelector(${JSON.stringify(selector)})`);
    await this.evaluate(
      `(() => { const node = document.querySelector(${JSON.stringify(selector)}); node.focus(); node.select(); })()`,
    );
    await this.send('Input.insertText', { text });
  }

  async choose(selector: string, value: string): Promise<void> {
    await this.evaluate(
      `(() => { const node = document.querySelector(${JSON.stringify(selector)}); node.value = ${JSON.stringify(value)}; node.dispatchEvent(new Event('change', { bubbles: true })); })()`,
    );
  }

  /** Gives a file to a file field. */
  async attach(selector: string, path: string): Promise<void> {
    const { root } = await this.send('DOM.getDocument');
    const { nodeId } = await this.send('DOM.querySelector', {
      nodeId: (root as { nodeId: number }).nodeId,
      selector,
    });
    await this.send('DOM.setFileInputFiles', { files: [path], nodeId });
  }

  async look(width: number, height: number, scheme: 'light' | 'dark' = 'light'): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    });
  }

  async picture(path: string): Promise<void> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', optimizeForSpeed: false });
    writeFileSync(path, Buffer.from(String(data), 'base64'));
  }
}
