export { type FaceCall, runOpkg } from './face.ts';
export { type OpkgWords, opkgWords } from './words.ts';
