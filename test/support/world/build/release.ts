/** A fixture release: all that differs between the two roots besides their files. */
export interface Release {
  readonly number: 1 | 2;
  readonly version: string;
  readonly revision: string;
  /** SOURCE_DATE_EPOCH, seconds. */
  readonly epoch: number;
  readonly kernelRelease: string;
  /** Version of the virtual package `kernel`: release, hash of the configuration, revision. */
  readonly kernelVersion: string;
}

/** The package architecture of the fixture. */
export const FIXTURE_ARCH = 'x86_64';

export const RELEASES: readonly [Release, Release] = [
  {
    number: 1,
    version: '24.10.1',
    revision: 'r28597-0425664679',
    epoch: 1744562312,
    kernelRelease: '6.6.86',
    kernelVersion: '6.6.86~af351158cfb5febf5155a3aa53785982-r1',
  },
  {
    number: 2,
    version: '24.10.2',
    revision: 'r28739-d9340319c6',
    epoch: 1750711236,
    kernelRelease: '6.6.93',
    kernelVersion: '6.6.93~04a6d5cc4da4c0e46ba4ab5fcd8b0a0d-r1',
  },
];

/** Folders of a release's feeds on the server, as on downloads.openwrt.org. */
export function feedFolders(release: Release): Readonly<Record<string, string>> {
  const root = `releases/${release.version}`;
  return {
    openwrt_core: `${root}/targets/x86/64/packages`,
    openwrt_packages: `${root}/packages/${FIXTURE_ARCH}/packages`,
  };
}
