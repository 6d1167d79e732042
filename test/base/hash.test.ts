import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { nobleHashProvider, sha256, sha256Hex, useHashProvider, utf8 } from '../../src/base/index.ts';

describe('SHA-256', () => {
  const original = useHashProvider(nobleHashProvider);
  useHashProvider(original);
  afterEach(() => {
    useHashProvider(original);
  });

  it.each([
    // FIPS 180-4, the examples of NIST.
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ])('of %j is known', (text, hex) => {
    expect(sha256Hex(utf8(text))).toBe(hex);
    useHashProvider(nobleHashProvider);
    expect(sha256Hex(utf8(text))).toBe(hex);
  });

  it('is the same from both providers, in whatever pieces the bytes come', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (parts) => {
        useHashProvider(original);
        const expected = sha256Hex(...parts);
        useHashProvider(nobleHashProvider);
        const hash = sha256();
        for (const part of parts) hash.update(part);
        expect(Buffer.from(hash.digest()).toString('hex')).toBe(expected);
      }),
    );
  });
});
