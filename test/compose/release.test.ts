import { describe, expect, it } from 'vitest';
import { type RelPath, textOf, toRelPath, utf8 } from '../../src/base/index.ts';
import { parseAssignments, readRelease } from '../../src/compose/release.ts';

function captured(files: Record<string, string>): Map<RelPath, Uint8Array> {
  return new Map(Object.entries(files).map(([path, text]) => [toRelPath(path), utf8(text)]));
}

describe('parseAssignments', () => {
  it.each([
    ["A='x y'", 'x y'],
    ['A="x \\"y\\" \\$"', 'x "y" $'],
    ['A=plain', 'plain'],
    ['  A=lead', 'lead'],
    ['# A=no\nA=yes', 'yes'],
    ['A=\nB=1', undefined],
    ['=x', undefined],
  ])('reads %j', (text, expected) => {
    expect(parseAssignments(utf8(text)).get('A')).toBe(expected);
  });
});

describe('readRelease', () => {
  const openwrt = "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='17.01.4'\nDISTRIB_REVISION='r3560'\n";

  it('uses os-release as it is', () => {
    const facts = readRelease(
      captured({ 'usr/lib/os-release': 'PRETTY_NAME="OpenWrt 24.10.0"\nVERSION_ID="24.10.0"\n' }),
    );
    expect(facts).toEqual({ title: 'OpenWrt 24.10.0', version: '24.10.0', osRelease: undefined });
  });

  it('takes a file at /etc/os-release as well', () => {
    const facts = readRelease(captured({ 'etc/os-release': 'ID=openwrt\nVERSION=23.05\n' }));
    expect(facts).toEqual({ title: 'openwrt', version: '23.05', osRelease: undefined });
  });

  it('derives it from openwrt_release', () => {
    const facts = readRelease(captured({ 'etc/openwrt_release': openwrt }));
    expect(facts).toMatchObject({ title: 'OpenWrt 17.01.4', version: '17.01.4' });
    expect(textOf(facts.osRelease ?? new Uint8Array())).toBe(
      'NAME="OpenWrt"\nID="openwrt"\nPRETTY_NAME="OpenWrt 17.01.4"\nVERSION="17.01.4"\nVERSION_ID="17.01.4"\nBUILD_ID="r3560"\n',
    );
  });

  it('adds what a poor os-release lacks', () => {
    const facts = readRelease(
      captured({ 'usr/lib/os-release': 'NAME="Mine"', 'etc/openwrt_release': openwrt }),
    );
    expect(textOf(facts.osRelease ?? new Uint8Array())).toMatch(/^NAME="Mine"\nID="openwrt"\nPRETTY_NAME=/u);
  });

  it('has a title even for nothing', () => {
    expect(readRelease(captured({}))).toMatchObject({ title: 'OpenWrt', version: undefined });
  });

  it('tells snapshots apart by their revision', () => {
    const text = 'ID=openwrt\nVERSION_ID="snapshot"\nBUILD_ID="r28000-abc"\n';
    expect(readRelease(captured({ 'usr/lib/os-release': text })).version).toBe('snapshot-r28000-abc');
  });

  it('cannot be made to write shell code', () => {
    const facts = readRelease(captured({ 'etc/openwrt_release': "DISTRIB_RELEASE='$(reboot)\"'\n" }));
    expect(textOf(facts.osRelease ?? new Uint8Array())).toContain('VERSION="\\$(reboot)\\""');
  });
});
