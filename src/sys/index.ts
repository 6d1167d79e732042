export * from './clock.ts';
export * from './companion.ts';
export * from './durable.ts';
export { errnoOf, guarded, systemError } from './errno.ts';
export * from './files.ts';
export * from './host.ts';
export { type HttpRequest, type HttpResponse, httpGet } from './http.ts';
export { isTransientNetworkError } from './http-errors.ts';
export {
  HttpPipeline,
  type PipelineOptions,
  type PipelineRequest,
  type TlsSettings,
} from './http-pipeline.ts';
export { type ProxySettings, proxyFor, proxyFromEnvironment } from './http-proxy.ts';
export * from './lock.ts';
export { rememberingOwners } from './owners.ts';
export type { PipelineResponse } from './pipeline-connection.ts';
export * from './process.ts';
export { productVersion } from './product.ts';
export * from './regular-files.ts';
export * from './retry.ts';
export * from './runner.ts';
export * from './sandbox.ts';
export { type StaticServer, type StaticServerOptions, serveFolder } from './static-server.ts';
export * from './terminal.ts';
export * from './terminal-lines.ts';
export * from './terminal-query.ts';
export * from './terminal-session.ts';
export * from './xattr.ts';
