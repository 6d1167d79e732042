/** Draws the pictures of the pages for the README, where LUCI_PICTURES names the folder that they go to. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Browser } from '../support/luci/browser.ts';
import { openRouter } from '../support/luci/router.ts';
import { startScene } from '../support/world/index.ts';

const folder = process.env['LUCI_PICTURES'];
/** Bytes of a picture: the repository keeps each version. */
const limit = 100 * 1024;

describe.skipIf(folder === undefined)(
  'pictures of the pages (drawn where LUCI_PICTURES names a folder)',
  () => {
    it('deployments and a plan', async () => {
      const scene = await startScene();
      const browser = Browser.start();
      try {
        const router = await openRouter(scene);
        await scene.cli.ok('install', 'jq');
        const page = await browser.page();
        const session = router.login();
        await page.look(1000, 720);
        await page.open(router.url('deployments', session));
        await page.untilText('Changes take effect');
        await page.picture(join(folder ?? '', 'luci-deployments.png'));
        await page.look(1000, 720, 'dark');
        await page.open(router.url('software', session));
        for (const name of ['less', 'tinyproxy']) {
          await page.type('#opkg-ostree-filter', name);
          await page.press(`Install ${name}`);
        }
        await page.press('Review…');
        await page.untilText('Space on flash', '#modal_overlay');
        await page.picture(join(folder ?? '', 'luci-software.png'));
        await router.end();
      } finally {
        await browser.end();
        await scene.end();
      }
      for (const name of ['luci-deployments.png', 'luci-software.png'])
        expect(statSync(join(folder ?? '', name)).size).toBeLessThan(limit);
    });
  },
);
