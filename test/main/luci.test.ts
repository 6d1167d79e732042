/** The pages of LuCI in a real browser: on a stand-in for LuCI's loader, over the real shim and engine, on a sysroot. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Browser, chromium, type Page } from '../support/luci/browser.ts';
import { openRouter, type Router } from '../support/luci/router.ts';
import { buildIpk, file, type Scene, startScene } from '../support/world/index.ts';

const reason =
  chromium === undefined
    ? ' (skipped: no chromium; apt-get install chromium)'
    : process.getuid?.() === 0
      ? ''
      : ' (skipped: needs root)';
const pages = ['deployments', 'software', 'updates', 'history', 'settings'] as const;
const hostile = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
const patience = { timeout: 60_000, interval: 50 };

describe.skipIf(reason !== '')(`LuCI's pages${reason}`, () => {
  let scene: Scene;
  let router: Router;
  let browser: Browser;
  let page: Page;
  let session: string;

  beforeAll(async () => {
    scene = await startScene();
    router = await openRouter(scene);
    browser = Browser.start();
  });
  afterAll(async () => {
    await browser?.end();
    await router?.end();
    await scene?.end();
  });
  beforeEach(async () => {
    scene.server.heal();
    scene.server.stalled = 0;
    session = router.login();
    page = await browser.page();
    await page.look(1000, 800);
  });
  afterEach(async () => {
    expect(page.problems).toEqual([]);
    await page.send('Page.close');
    router.disguise = (_method, reply) => reply;
  });

  const open = (name: (typeof pages)[number]) => page.open(router.url(name, session));
  const requested = async () => (await scene.deployments())[0]?.['requested-packages'] ?? [];
  const modal = '#modal_overlay';
  /** Looks a package up, marks it, and comes as far as the plan. */
  const plan = async (verb: 'Install' | 'Remove', name: string) => {
    await open('software');
    if (verb === 'Remove') await page.choose('#opkg-ostree-kind', 'layered');
    await page.type('#opkg-ostree-filter', name);
    await page.press(`${verb} ${name}`);
    await page.untilText(verb === 'Install' ? `+ ${name}` : `- ${name}`, '.opkg-ostree-basket');
    await page.press('Review…');
    await page.untilText('Space on flash', modal);
  };
  const applied = async () => {
    await page.press('Apply', modal);
    await page.untilText('is done.', modal, 60_000);
    await page.press('Close', modal);
  };
  const stall = async (name: string) => {
    scene.server.fail('.ipk', { kind: 'stall', after: 100 });
    await plan('Install', name);
    await page.press('Apply', modal);
    await vi.waitFor(() => expect(scene.server.stalled).toBeGreaterThan(0), patience);
  };

  it('a package is found, marked, planned and installed, and the page says that a restart is needed', async () => {
    await plan('Install', 'less');
    await page.untilText('opkg-ostree install less', modal);
    await applied();
    expect(await requested()).toContain('less');
    await page.untilText('Changes take effect after a restart', '.opkg-ostree-pending');
    // The basket is empty again, and its mark gone.
    await page.until('!document.querySelector(".opkg-ostree-basket")');
  });

  it('marks outlive a reload, and can be taken back', async () => {
    await open('software');
    await page.type('#opkg-ostree-filter', 'jq');
    await page.press('Install jq');
    await page.reload();
    await page.untilText('+ jq', '.opkg-ostree-basket');
    await page.press('Clear');
    await page.until('!document.querySelector(".opkg-ostree-basket")');
  });

  it('a reload in the middle of a job finds it again; it can be cancelled, and nothing has changed', async () => {
    const before = await scene.deployments();
    await stall('ed');
    await page.reload();
    await page.untilText('opkg-ostree install', modal);
    await page.untilText('Downloading', modal);
    await page.press('Cancel', modal);
    await page.untilText('was cancelled. Nothing has changed.', modal);
    await page.press('Close', modal);
    expect(await scene.deployments()).toEqual(before);
    // What was marked still is: it was not done.
    await page.untilText('+ ed', '.opkg-ostree-basket');
  });

  it('the window of a job can be closed; another tab shows the job in its top bar', async () => {
    await stall('ed');
    await page.press('Continue in the background', modal);
    const other = await browser.page();
    await other.open(router.url('deployments', session));
    await other.untilText('Packages:', '#indicators');
    await other.evaluate('document.querySelector("#indicators [data-indicator=opkg-ostree-job]").click()');
    await other.press('Cancel', modal);
    await other.untilText('was cancelled', modal);
    await other.send('Page.close');
    await page.untilText('was cancelled', '#maincontent');
  });

  it('a layered package is marked for removal and removed', async () => {
    await plan('Remove', 'less');
    await page.untilText('Remove (', modal);
    await applied();
    expect(await requested()).not.toContain('less');
  });

  it('what cannot be done is explained', async () => {
    await open('software');
    router.disguise = (method, reply) =>
      method === 'plan'
        ? {
            error: {
              code: 'UNSATISFIABLE',
              message: 'x',
              hint: null,
              details: { blockers: [{ text: `needs ${hostile}`, remedy: 'use another' }] },
            },
          }
        : reply;
    await page.type('#opkg-ostree-filter', 'jq');
    await page.press('Install jq');
    await page.press('Review…');
    await page.untilText(`needs ${hostile}`, modal);
    await page.untilText('use another', modal);
    await page.press('Close', modal);
    await page.press('Clear');
    expect(await page.evaluate('window.pwned')).toBeUndefined();
  });

  it('an upgrade takes the new base; rolling back names its target and goes back', async () => {
    await scene.compose(1);
    await open('updates');
    await page.press('Review upgrade…');
    await page.untilText('New base:', modal);
    await applied();
    const [first, second] = await scene.deployments();
    expect(first?.version).not.toBe(second?.version);
    await open('deployments');
    await page.press('Roll back to this', `[data-id="${second?.id}"]`);
    await page.untilText(/-([0-9a-f]{10})/u.exec(second?.id ?? '')?.[1] ?? 'no id', modal);
    await page.press('Roll back', modal);
    await page.untilText('is done.', modal, 60_000);
    await page.press('Close', modal);
    expect((await scene.deployments())[0]?.id).toBe(second?.id);
    await page.until(`document.querySelector('.opkg-ostree-deployment')?.dataset.id === '${second?.id}'`);
  });

  it('a deployment is pinned and compared', async () => {
    await open('deployments');
    const [first] = await scene.deployments();
    const own = `[data-id="${first?.id}"]`;
    await page.press('Pin', own);
    await page.untilText('pinned', own);
    expect((await scene.deployments())[0]?.pinned).toBe(true);
    await page.press('Unpin', own);
    await page.until(`!document.querySelector('${own}').innerText.includes('pinned')`);
    await page.press('Compare', own);
    await page.untilText('Files:', modal);
    await page.press('Close', modal);
  });

  it.each([
    ['next', 'The router is back, on the deployment that was asked for'],
    ['old', 'The router came back on another deployment'],
  ] as const)('after a restart the page says which deployment came up: %s', async (comesUp, words) => {
    router.booted = (await scene.deployments())[1]?.id ?? null;
    router.comesUp = comesUp;
    const told = join(scene.folder, 'tools/restarted');
    const before = existsSync(told) ? readFileSync(told, 'utf8') : '';
    await open('deployments');
    await page.press('Restart now', '.opkg-ostree-pending');
    await page.untilText('It will start this deployment', modal);
    await page.press('Restart', modal);
    await page.untilText('The router is restarting', modal);
    await vi.waitFor(() => expect(existsSync(told) && readFileSync(told, 'utf8')).not.toBe(before), patience);
    await router.restart();
    await page.untilText(words);
    expect(await page.shown()).not.toContain('This page comes back by itself');
  });

  it('a session that has ended is told once, and asked about no more', async () => {
    await open('deployments');
    router.expire(session);
    await page.untilText('Session expired', modal);
    const calls = router.calls.length;
    await page.until('!L.Poll.active()');
    expect(router.calls.length).toBe(calls);
    expect(
      await page.evaluate('document.querySelectorAll("#maincontent .alert-message.danger").length'),
    ).toBe(0);
  });

  it('who may only look sees everything and gets no button that changes anything', async () => {
    session = router.login(['read']);
    const changing =
      /^(?:Install|Remove|Pin|Unpin|Roll back|Clean up|Update lists|Upload|Check for updates|Restart|Cancel|Apply)/u;
    const labels = `[...document.querySelectorAll('button')].map((node) => node.textContent.trim())`;
    for (const name of ['deployments', 'software', 'updates', 'history'] as const) {
      await open(name);
      await page.untilText('You may look, but not change anything.');
      await page.until('document.querySelectorAll(".cbi-section").length > 0');
      const shown = (await page.evaluate(labels)) as string[];
      expect(
        shown.filter((label) => changing.test(label)),
        name,
      ).toEqual([]);
    }
    await open('updates');
    const calls = router.calls.length;
    const refused = await page.evaluate(
      `L.require('opkg-ostree.api').then((api) => api.call('cleanup')).then(() => 'done', (error) => api_reason(error)).catch((error) => String(error)); function api_reason(error) { return L.require('opkg-ostree.api').then((api) => api.reason(error)); }`,
    );
    expect(refused).toBe('This user may not do that.');
    expect(router.calls.slice(calls).filter(({ method }) => method === 'cleanup')).toEqual([]);
  });

  it('an uploaded package is shown as what it is, installed, and runs nothing of its description', async () => {
    const made = buildIpk({
      name: 'hostile-words',
      version: '1.0',
      arch: 'all',
      fields: { Depends: '', Section: 'utils' },
      description: hostile,
      conffiles: [],
      scripts: {},
      mtime: 1_744_562_312,
      data: [file('usr/share/hostile-words', 'x\n')],
    });
    const path = join(scene.folder, 'hostile.ipk');
    writeFileSync(path, made.bytes);
    await open('software');
    await page.press('Upload package…');
    await page.until(`document.querySelector('${modal} input[type=file]')`);
    await page.attach(`${modal} input[type=file]`, path);
    await page.press('Upload', modal);
    await page.untilText('hostile-words 1.0 (uploaded)', '.opkg-ostree-basket');
    await page.press('Review…');
    await page.untilText('is not signed', modal);
    await applied();
    await page.choose('#opkg-ostree-kind', 'layered');
    await page.press('hostile-words');
    await page.untilText('Architecture', modal);
    expect(await page.evaluate('window.pwned')).toBeUndefined();
  });

  it('text that is hostile everywhere is text everywhere', async () => {
    const keep =
      /^(?:[0-9a-f]{8,64}|\S+-[0-9a-f]{64}\.\d+|\d{4}-\d\d-\d\dT.*|running|done|failed|good|untried)$/u;
    const poisoned = (value: unknown): unknown => {
      if (typeof value === 'string') return keep.test(value) ? value : `${value}${hostile}`;
      if (Array.isArray(value)) return value.map(poisoned);
      if (value === null || typeof value !== 'object') return value;
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, poisoned(member)]));
    };
    router.disguise = (_method, reply) => poisoned(reply) as Record<string, unknown>;
    for (const name of ['deployments', 'software', 'updates', 'history'] as const) {
      await open(name);
      await page.until('document.querySelectorAll(".cbi-section .tr").length > 0');
      if (name !== 'updates') await page.untilText('<img src=x');
      expect(
        await page.evaluate('document.querySelectorAll("#maincontent img, #modal_overlay img").length'),
      ).toBe(0);
    }
    await open('history');
    await page.until('document.querySelector("button[aria-label^=Log]")');
    await page.evaluate('document.querySelector("button[aria-label^=Log]").click()');
    await page.untilText('<img src=x', modal);
    await open('deployments');
    await page.press('Compare');
    await page.untilText('<img src=x', modal);
    expect(await page.evaluate('window.pwned')).toBeUndefined();
  });

  it.each(['light', 'dark'] as const)('each page fits a telephone of 360 px, %s', async (scheme) => {
    await page.look(360, 740, scheme);
    for (const name of pages) {
      await open(name);
      await page.until('document.querySelectorAll(".cbi-section").length > 0');
      const wide = await page.evaluate(
        `[...document.querySelectorAll('#maincontent *')].filter((node) => node.getBoundingClientRect().right > 360.5).map((node) => node.outerHTML.slice(0, 200))`,
      );
      expect(wide, name).toEqual([]);
      // The theme chooses all colours; otherwise one of the two schemes is unreadable.
      const coloured = await page.evaluate(
        `[...document.querySelectorAll('#maincontent [style]')].filter((node) => /color|background/.test(node.getAttribute('style'))).length`,
      );
      expect(coloured, name).toBe(0);
    }
    await open('deployments');
    await page.press('Compare');
    await page.untilText('Files:', modal);
    expect(await page.evaluate(`document.querySelector('.modal').scrollWidth <= 360`)).toBe(true);
  });

  it('the keyboard alone marks a package and reaches the plan; what happens is announced', async () => {
    await open('software');
    await page.type('#opkg-ostree-filter', 'jq');
    await page.until(`document.querySelector('button[aria-label="Install jq"]')`);
    const focused = () =>
      page.evaluate(
        'document.activeElement.getAttribute("aria-label") || document.activeElement.textContent',
      );
    const tabTo = async (label: string) => {
      for (let presses = 0; presses < 60 && (await focused()) !== label; presses += 1) await page.key('Tab');
      expect(await focused()).toBe(label);
    };
    await tabTo('Install jq');
    await page.key('Enter');
    // Drawn again, but the focus stays on the package's button.
    await page.until('document.activeElement.getAttribute("aria-label") === "Unmark jq"');
    await page.evaluate('document.body.focus(), document.activeElement.blur(), window.scrollTo(0, 0)');
    await tabTo('Review…');
    await page.key('Enter');
    await page.untilText('Space on flash', modal);
    expect(await focused()).toBe('Apply');
    expect(await page.evaluate('document.querySelectorAll("[aria-live]").length')).toBeGreaterThan(1);
    await page.press('Cancel', modal);
    await page.press('Clear');
  });

  it('settings are checked and saved', async () => {
    await open('settings');
    const id = (section: string, name: string) => `[id="widget.cbid.opkg-ostree.${section}.${name}"]`;
    await page.until(`document.querySelector('${id('automatic', 'policy')}')`);
    expect(router.settings['automatic']).toMatchObject({ policy: 'none' });
    await page.choose(id('automatic', 'policy'), 'stage');
    await page.type(id('automatic', 'window_start'), '25:00');
    await page.key('Tab');
    await page.press('Save & Apply');
    await page.untilText('Expecting a time');
    expect(router.settings['automatic']).toMatchObject({ policy: 'none' });
    await page.type(id('automatic', 'window_start'), '01:30');
    await page.key('Tab');
    await page.press('Save & Apply');
    await page.until('document.body.dataset.saved');
    expect(router.settings['automatic']).toMatchObject({ policy: 'stage', window_start: '01:30' });
  });
});
