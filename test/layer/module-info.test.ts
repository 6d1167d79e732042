import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModuleInfo } from '../../src/layer/module-info.ts';

const compiler = ['/usr/bin/gcc', '/usr/bin/cc'].find((path) => existsSync(path));
const source = `.section .modinfo,"a"
.asciz "license=GPL"
.asciz "depends=nf-conntrack,udp_tunnel"
.asciz "vermagic=6.6.86 SMP mod_unload "
.data
.asciz "vermagic=9.9.9 a string of the program"
`;

describe.skipIf(compiler === undefined)(
  `.modinfo of a real object file${compiler === undefined ? ' (no C compiler)' : ''}`,
  () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'opkg-ostree-module-'));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    const assemble = (...options: string[]) => {
      writeFileSync(join(folder, 'module.s'), source);
      const out = join(folder, 'module.ko');
      execFileSync(compiler ?? '', ['-c', ...options, '-o', out, join(folder, 'module.s')]);
      return readFileSync(out);
    };

    it.each([
      ['64 bits', []],
      ['32 bits', ['-m32']],
    ])('of %s is read from its section alone', (_, options) => {
      expect(readModuleInfo(assemble(...options))).toEqual({
        vermagic: '6.6.86 SMP mod_unload ',
        depends: ['nf_conntrack', 'udp_tunnel'],
      });
    });

    it('never fails on damaged bytes', () => {
      const good = assemble();
      fc.assert(
        fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 20 }), (edits) => {
          const bytes = Buffer.from(good);
          for (const [at, value] of edits) bytes[at] = value;
          const found = readModuleInfo(bytes);
          expect(found === undefined || Array.isArray(found.depends)).toBe(true);
          expect(() => readModuleInfo(bytes.subarray(0, edits[0]?.[0] ?? 0))).not.toThrow();
        }),
      );
    });
  },
);

describe('what is no module', () => {
  it('has no information', () => {
    expect(readModuleInfo(new Uint8Array(0))).toBeUndefined();
    expect(readModuleInfo(Buffer.from('vermagic=6.6.86'))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => readModuleInfo(bytes)).not.toThrow();
      }),
    );
  });
});
