#!/usr/bin/env node
// Fetches the kernels that the suite of emulated machines starts into .cache; ends with 1 where one is not to be had.
import { importTs } from './lib/run-ts.mjs';

const { findKernel } = await importTs('test/e2e/support/kernel.ts');
const { findArm64 } = await importTs('test/e2e/support/arm64.ts');
for (const found of [findKernel(), findArm64()]) {
  if (!('missing' in found)) continue;
  console.error(found.missing);
  process.exitCode = 1;
}
