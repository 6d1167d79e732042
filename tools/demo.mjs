#!/usr/bin/env node
// The story that ./tools/demo tells; see the comments there.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repoRoot } from './lib/run-ts.mjs';
import { Story, StoryEnded } from './lib/story.mjs';

const out = join(repoRoot, 'demo-out');
const sysroot = join(out, 'sysroot');
const branch = 'openwrt/24.10/x86-64';
const next = join(out, 'next');
const previous = join(out, 'previous');
const began = Date.now();

prepareFolder();
const server = await startFeedServer();
const story = new Story({
  transcript: join(out, 'transcript.txt'),
  shorten: [[`${out}/`, 'demo-out/']],
  environment: {
    PATH: `${join(out, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: join(out, 'home'),
    LC_ALL: 'C',
    OPKG_OSTREE_SYSROOT: sysroot,
  },
});
try {
  tell(story, server);
} catch (error) {
  if (!(error instanceof StoryEnded)) throw error;
  story.say(`\nThe demo stops here: ${error.message}.`);
  process.exitCode = 1;
} finally {
  server.child.stdin.end();
}

/** An empty demo-out/ with the command under its name; deployments of a run before are immutable. */
function prepareFolder() {
  // It fails where there are symlinks; what is still immutable afterwards ends the next step.
  if (existsSync(out)) spawnSync('chattr', ['-R', '-f', '-i', out], { stdio: 'ignore' });
  rmSync(out, { recursive: true, force: true });
  mkdirSync(join(out, 'bin'), { recursive: true });
  mkdirSync(join(out, 'home'));
  const command = `#!/bin/sh\nexec ${process.execPath} ${join(repoRoot, 'dist/opkg-ostree.mjs')} "$@"\n`;
  writeFileSync(join(out, 'bin/opkg-ostree'), command, { mode: 0o755 });
}

/** The feed server in a process of its own, as a mirror would be. */
async function startFeedServer() {
  const world = (...words) =>
    execFileSync(process.execPath, [join(repoRoot, 'tools/world.mjs'), ...words], {
      encoding: 'utf8',
    }).trim();
  const feeds = world('build');
  const portFile = join(out, 'feed-url');
  const child = spawn(process.execPath, [join(repoRoot, 'tools/world.mjs'), 'serve', feeds, portFile], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  for (let tries = 0; !existsSync(portFile); tries += 1) {
    if (tries > 200 || child.exitCode !== null) throw new Error('the feed server did not start');
    await sleep(50);
  }
  const url = readFileSync(portFile, 'utf8').trim();
  world('build', join(out, 'images'), url);
  const { releases } = JSON.parse(readFileSync(join(out, 'images/world.json'), 'utf8'));
  for (const release of releases) {
    const kernel = join(out, 'images', `openwrt-${release.version}-vmlinuz`);
    copyFileSync(release.kernel, kernel);
    release.kernel = kernel;
  }
  return { child, url, releases };
}

function tell(story, { url, releases }) {
  const [first, second] = releases;
  story.say(
    'opkg-ostree: an OpenWrt router whose whole system is one versioned tree: packages are added on top, an upgrade replaces it whole, and the old one stays beside it.',
  );
  story.say('Nothing here touches this machine: the "router" is the folder demo-out/sysroot.');
  baseSystem(story, first);
  packages(story, url);
  admin(story);
  upgrade(story, second);
  wayBack(story);
  otherBoards(story, first);
  story.chapter('Where to look');
  story.say(`
  demo-out/sysroot/ostree/deploy/openwrt/deploy/   the deployments: whole root file systems, side by side
  demo-out/sysroot/boot/                           kernels, and the boot entries in loader/
  demo-out/sysroot/ostree/repo/                    the object store that they share by hard links
  demo-out/images/                                 the OpenWrt roots that were composed
  demo-out/transcript.txt                          this story
  Try:  node dist/opkg-ostree.mjs --sysroot demo-out/sysroot status

  Done in ${Math.round((Date.now() - began) / 1000)} seconds.`);
}

function baseSystem(story, { rootfs, kernel, version }) {
  story.chapter('1. An OpenWrt image becomes one commit');
  story.step(
    'Make an empty router: an object store, a place for deployments, boot loader files for a PC.',
    `opkg-ostree sysroot init ${sysroot} --target x86-64`,
  );
  story.step(
    `Compose: turn the OpenWrt ${version} root (as its image builder makes it) into a commit on a branch.`,
    `opkg-ostree compose ${rootfs} --repo ${sysroot}/ostree/repo --branch ${branch} --kernel ${kernel} --target x86-64`,
  );
  story.step(
    'Deploy it: check the commit out, give it its own /etc, name it in the boot menu.',
    `opkg-ostree deploy ${branch}`,
  );
  story.step('This is what the router would boot.', 'opkg-ostree status');
  story.step(
    'The boot loader entry that was written, which GRUB reads.',
    `cat ${sysroot}/boot/loader/grub.cfg`,
  );
}

function packages(story, url) {
  story.chapter('2. Packages are layered on top of it');
  story.say(`\nA mirror (another process here) serves signed feeds at ${url}.`);
  story.step(
    'Fetch the package lists and check their signatures with the keys of the image.',
    'opkg-ostree update',
  );
  story.step(
    'What would happen? A plan is printed and nothing is changed.',
    'opkg-ostree install --dry-run jq tmux',
  );
  story.step(
    'Install: jq and tmux with their libraries, a proxy that is a service with its own user, a shell with a script.',
    'opkg-ostree install jq tmux tinyproxy bash',
    { lines: 30 },
  );
  linkNext(
    story,
    'The new deployment is a whole system beside the old one; demo-out/next and demo-out/previous are links to their roots.',
  );
  const greeting = story.step(
    "Its programs run: jq of the new deployment, in a chroot, with the new deployment's own libraries.",
    `echo '{"router":"OpenWrt","works":true}' | chroot ${next} jq -c .`,
  );
  story.expect(greeting.includes('"works":true'), 'the layered program runs inside the deployment');
  const account = story.step('The proxy has its user ...', `grep tinyproxy ${next}/etc/passwd`);
  story.expect(account.startsWith('tinyproxy:'), 'the package asked for a user and got it');
  story.step('... and is enabled for the next boot.', `ls ${next}/etc/rc.d | grep tinyproxy`);
  const listed = story.step(
    "opkg's own database inside the deployment knows the packages.",
    `chroot ${next} opkg list-installed | grep -E "^(jq|libjq1|libonig5|tinyproxy) "`,
  );
  story.expect(listed.split('\n').length === 5, 'all four are there');
}

function admin(story) {
  story.chapter('3. The admin changes settings');
  story.step(
    'The router gets a name, by hand, in the deployment that boots next.',
    `sed -i "s/option hostname 'OpenWrt'/option hostname 'attic'/" ${next}/etc/config/system && grep hostname ${next}/etc/config/system`,
  );
  story.step(
    'And its DHCP pool is made smaller. (The next release will change this file too.)',
    `sed -i "s/option limit '150'/option limit '50'/" ${next}/etc/config/dhcp && grep limit ${next}/etc/config/dhcp`,
  );
}

function upgrade(story, { rootfs, kernel, version }) {
  story.chapter(`4. OpenWrt ${version} comes out`);
  story.step(
    'The new release is composed onto the same branch: new files, a new kernel, new defaults in /etc.',
    `opkg-ostree compose ${rootfs} --repo ${sysroot}/ostree/repo --branch ${branch} --kernel ${kernel} --target x86-64`,
  );
  story.step(
    'Upgrade: the new base, the same packages in their newest versions, the settings merged.',
    'opkg-ostree upgrade',
    { lines: 30 },
  );
  const text = story.step('The newest deployment boots next; the one before is kept.', 'opkg-ostree status');
  story.expect(text.includes(version), `the next boot is OpenWrt ${version}`);
  linkNext(story, 'The links follow.');
  const settings = story.step(
    "The merge of /etc: the router's name is the admin's; of the file that both changed, the admin's version is kept.",
    `grep hostname ${next}/etc/config/system; grep limit ${next}/etc/config/dhcp`,
  );
  story.expect(
    settings.includes("'attic'") && settings.includes("'50'"),
    "the admin's edits survived the upgrade",
  );
  story.step(
    'A default that nobody had changed is the new one.',
    `diff ${previous}/etc/profile ${next}/etc/profile || test $? = 1`,
  );
  const released = story.step(
    'And this is the new release, with the packages.',
    `chroot ${next} sh -c '. /etc/openwrt_release; echo "$DISTRIB_DESCRIPTION"; opkg list-installed | grep ^jq; jq --version'`,
  );
  story.expect(released.includes(version) && released.includes('jq-'), 'new base, same packages');
  story.step('What changed between the two deployments.', 'opkg-ostree diff 1 0', { lines: 20 });
}

function wayBack(story) {
  story.chapter('5. The way back, and what the real ostree says');
  const [before] = deployments();
  const text = story.step(
    'Something is wrong with the new release? Boot the old one next. Nothing is copied.',
    'opkg-ostree rollback',
  );
  const [after] = deployments();
  story.expect(text !== '' && after.id !== before.id, `the next boot is ${after.version} again`);
  story.step(
    'The boot menu follows: its first entry is the old release.',
    `grep -E "^(menuentry|set default)|linux" ${sysroot}/boot/loader/grub.cfg`,
  );
  const status = story.step(
    "Debian's ostree, another program, reads our deployments ...",
    `ostree admin status --sysroot=${sysroot}`,
  );
  story.expect(status.includes(after.checksum), 'ostree admin status names our commit');
  story.step(
    '... and checks every object of the store.',
    `ostree fsck --quiet --repo=${sysroot}/ostree/repo`,
  );
  story.step('All of it is in the history.', 'opkg-ostree history');
}

function otherBoards(story, { rootfs, kernel }) {
  story.chapter('6. Other boot loaders');
  const boards = [
    ['nanopi-r4s', 'boot/loader/extlinux.conf', 'a NanoPi R4S, whose U-Boot reads extlinux.conf'],
    ['espressobin', 'boot/loader/uEnv.txt', 'an ESPRESSObin, whose U-Boot reads uEnv.txt'],
  ];
  for (const [target, file, title] of boards) {
    const other = join(out, `sysroot-${target}`);
    story.step(`A sysroot for ${title}.`, `opkg-ostree sysroot init ${other} --target ${target}`, {
      quiet: true,
    });
    story.step(
      'Compose into it (the same root and kernel, to keep the demo small).',
      `opkg-ostree compose ${rootfs} --repo ${other}/ostree/repo --branch openwrt --kernel ${kernel} --target ${target}`,
    );
    story.step('Deploy.', `opkg-ostree deploy openwrt --sysroot ${other}`);
    const entry = story.step('Its boot entry.', `cat ${other}/${file}`);
    story.expect(entry.includes('ostree='), 'the entry names the deployment');
  }
}

/** Points demo-out/next to the deployment that boots next, demo-out/previous to the one after: their own paths are long. */
function linkNext(story, why) {
  const [first, second] = deployments().map((deployment) => deployment.path);
  const links = [
    `ln -sfn ${first} ${next}`,
    ...(second === undefined ? [] : [`ln -sfn ${second} ${previous}`]),
  ];
  story.step(why, `${links.join(' && ')} && ls -C -w 80 ${next}/`);
}

/** The deployments, next boot first; not part of the story. */
function deployments() {
  const text = execFileSync(join(out, 'bin/opkg-ostree'), ['status', '--json', '--sysroot', sysroot], {
    encoding: 'utf8',
  });
  return JSON.parse(text).deployments;
}
