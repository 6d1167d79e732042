#!/usr/bin/env node
// The fixture world on the command line; see test/support/world/main.ts.
import { importTs } from './lib/run-ts.mjs';

const { main } = await importTs('test/support/world/main.ts');
await main(process.argv.slice(2));
