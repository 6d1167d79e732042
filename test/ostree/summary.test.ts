import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError, type RefName } from '../../src/base/index.ts';
import {
  decodeSummary,
  encodeSummary,
  makeSummary,
  readSummary,
  summaryModified,
  summaryRef,
  summaryTime,
  v,
  writeSummary,
} from '../../src/ostree/index.ts';
import { codeOf, commitSpec, newRepo, scratch } from './support.ts';

const dir = scratch();

describe('summary', () => {
  it('lists the local refs with size, time and version', async () => {
    const repo = newRepo(join(dir, 'a'), 'archive');
    const metadata = [['version', v.string('1.2')]] as const;
    const commit = await commitSpec(repo, 'b/main', { f: 'x' }, { metadata });
    await repo.withTransaction((txn) => {
      txn.setRef('a' as RefName, commit);
      txn.setRef('remote:c' as RefName, commit);
    });
    const summary = decodeSummary(encodeSummary(makeSummary(repo, 5)));
    expect(summary.refs.map(({ name }) => name)).toEqual(['a', 'b/main']);
    const entry = summaryRef(summary, 'b/main');
    expect(entry).toMatchObject({ commit, size: repo.loadCommitBytes(commit).byteLength });
    expect(summaryTime(entry?.metadata ?? [], 'ostree.commit.timestamp')).toBe(1_704_164_645);
    expect(summaryModified(summary)).toBe(5);
  });

  it('never goes back in time', () => {
    const repo = newRepo(join(dir, 'b'), 'archive');
    expect(readSummary(repo)).toBeUndefined();
    writeSummary(repo, 100);
    writeSummary(repo, 50);
    expect(summaryModified(readSummary(repo) ?? { refs: [], metadata: [] })).toBe(100);
  });

  it('refuses refs out of order, twice, or of others', async () => {
    const commit = await commitSpec(newRepo(join(dir, 'c'), 'archive'), undefined, {});
    const ref = (name: string) => ({ name, commit, size: 1, metadata: [] });
    expect(
      await codeOf(() => decodeSummary(encodeSummary({ refs: [ref('a'), ref('a')], metadata: [] }))),
    ).toBe('SUMMARY_INVALID');
    for (const name of ['o:a', '../a', 'a/../../b', ''])
      expect(await codeOf(() => decodeSummary(encodeSummary({ refs: [ref(name)], metadata: [] })))).toBe(
        'SUMMARY_INVALID',
      );
  });

  it('reads any bytes or fails with an error of ours', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          decodeSummary(bytes);
        } catch (error) {
          expect(isOpkgOstreeError(error) && error.code).toBe('SUMMARY_INVALID');
        }
      }),
    );
  });
});
