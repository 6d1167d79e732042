import { openWorld, writeRootfs } from './index.ts';

const world = await openWorld();
for (const r of world.releases) writeRootfs(r, `/tmp/hw/root-${r.release.number}.tar`, {});
