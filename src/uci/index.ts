export * from './document.ts';
export * from './model.ts';
export * from './names.ts';
export * from './parse.ts';
export * from './print.ts';
