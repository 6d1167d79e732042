#!/usr/bin/env node
import { importTs } from './lib/run-ts.mjs';

await importTs('test/support/world/main.ts');
