/** Whether the router starts what it should, judges itself, and has a way back. */
import { join } from 'node:path/posix';
import { countsStarts, readVerdicts, stateName } from '../../boot/index.ts';
import { exists, lstatIfExists, readdirIfExists, readlink } from '../../sys/index.ts';
import type { Session } from '../session.ts';
import { type Finding, fine, problem, warning } from './finding.ts';

/** The link that a switch renames, and the entries behind it. */
export function checkLoader({ sysroot, deployments }: Session): Finding {
  const link = join(sysroot.path, 'boot/loader');
  if (lstatIfExists(link)?.isSymbolicLink() !== true || !exists(link)) {
    return problem(
      'loader',
      `${link} does not lead to boot entries: the boot loader finds nothing`,
      deployments.length === 0
        ? "make a deployment: 'opkg-ostree deploy REF'"
        : 'restore /boot from a backup',
    );
  }
  const entries = readdirIfExists(join(link, 'entries')).filter((name) => name.endsWith('.conf'));
  if (entries.length !== deployments.length) {
    return problem(
      'loader',
      `${entries.length} boot entries for ${deployments.length} deployments`,
      "'opkg-ostree cleanup' writes them again",
    );
  }
  const trial = countsStarts(sysroot.loader, sysroot.loaderOptions)
    ? 'it counts the starts of a trial, as early boot does'
    : 'it cannot count: a kernel that fails before early boot has to be left by hand';
  return sysroot.target !== undefined
    ? fine('loader', `${sysroot.loader.id}, ${entries.length} entries, ${readlink(link)}; ${trial}`)
    : warning(
        'loader',
        'the board of this sysroot is not known: only the boot entries are written',
        "make the sysroot with 'opkg-ostree sysroot init DIR --target NAME' to have the loader's own files kept too",
      );
}

/** Each deployment's directory and its early boot. */
export function checkDeployments({ deployments }: Session): Finding {
  if (deployments.length === 0) {
    return problem('deployments', 'nothing is deployed', "deploy a base: 'opkg-ostree deploy REF'");
  }
  const broken = deployments.filter(({ path }) => !exists(join(path, 'usr/lib/opkg-ostree/prepare-root')));
  const first = broken[0];
  if (first !== undefined) {
    return problem(
      'deployments',
      `deployment ${first.index} has no early boot: it cannot start as a deployment`,
      `compose its base again, or drop it: 'opkg-ostree undeploy ${first.index}'`,
    );
  }
  return fine('deployments', `${deployments.length} deployed, each with its early boot`);
}

/** Whether there is something to go back to. */
export function checkWayBack({ deployments, stateroot, sysroot }: Session): Finding {
  const own = deployments.filter((deployment) => deployment.stateroot === stateroot);
  if (own.length < 2) {
    return warning(
      'way-back',
      'there is one deployment: nothing to go back to',
      "the next 'opkg-ostree upgrade' or 'install' keeps this one",
    );
  }
  const bad = new Set(
    readVerdicts(sysroot.path)
      .filter(({ verdict }) => verdict === 'bad')
      .map(({ deployment }) => deployment),
  );
  const others = own.slice(1);
  if (others.every((deployment) => bad.has(stateName(deployment)))) {
    return warning(
      'way-back',
      'every other deployment was found bad',
      "'opkg-ostree history' tells why; a change that boots well becomes the next way back",
    );
  }
  return fine('way-back', `${others.length} other deployment${others.length === 1 ? '' : 's'} to go back to`);
}

/** Whether a deployment that starts is judged: the init script is there and enabled. */
export function checkHealthWiring({ merge }: Session): Finding {
  if (merge === undefined) return fine('health', 'nothing to judge yet');
  const etc = join(merge.path, 'etc');
  if (!exists(join(etc, 'init.d/opkg-ostree'))) {
    return problem(
      'health',
      '/etc/init.d/opkg-ostree is missing: a deployment that starts is never found good, and is given up',
      "'opkg-ostree etc reset /etc/init.d/opkg-ostree'",
    );
  }
  const enabled = readdirIfExists(join(etc, 'rc.d')).some((name) => /^S\d+opkg-ostree$/u.test(name));
  return enabled
    ? fine('health', 'deployments are judged when they start')
    : problem(
        'health',
        'the service opkg-ostree is disabled: a deployment that starts is never found good, and is given up',
        "'/etc/init.d/opkg-ostree enable'",
      );
}
