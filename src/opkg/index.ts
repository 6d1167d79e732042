export { type OpkgWords, opkgWords } from './words.ts';
