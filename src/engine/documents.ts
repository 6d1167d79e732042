/** The JSON documents of docs/schema that the engine makes and every face shows. Sizes are bytes, times ISO 8601 UTC. */

import type { Checksum } from '../base/index.ts';
import type { SignatureDocument } from './commit-signatures.ts';
import type { JobDocument } from './jobs/index.ts';

export interface HealthDocument {
  readonly state: 'untried' | 'trying' | 'good' | 'bad';
  readonly 'tries-left': number | null;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

export interface DeploymentDocument {
  readonly id: string;
  readonly index: number;
  readonly stateroot: string;
  readonly serial: number;
  readonly checksum: Checksum;
  readonly 'base-checksum': Checksum;
  readonly origin: string;
  readonly version: string | null;
  readonly timestamp: string;
  readonly booted: boolean;
  readonly staged: boolean;
  readonly pinned: boolean;
  readonly rollback: boolean;
  readonly packages: readonly string[];
  readonly 'requested-packages': readonly string[];
  readonly 'requested-local-packages': readonly string[];
  readonly 'inactive-packages': readonly string[];
  readonly 'suspended-packages': readonly string[];
  readonly 'base-removals': readonly string[];
  readonly 'base-replacements': readonly string[];
  /** `name=version`. */
  readonly 'held-packages': readonly string[];
  readonly 'kernel-release': string | null;
  readonly kargs: readonly string[];
  /** Of the base commit. */
  readonly signatures: readonly SignatureDocument[];
  readonly health: HealthDocument;
  readonly 'etc-conflicts': number;
  readonly 'script-warnings': number;
  /** What dropping this deployment would free at least; null where it was not counted. */
  readonly 'unique-bytes': number | null;
  readonly path: string;
}

export interface StatusDocument {
  readonly api: 1;
  readonly booted: string | null;
  readonly next: string | null;
  readonly deployments: readonly DeploymentDocument[];
  /** The job that is at work; null where none is, or where jobs may not be read. */
  readonly job: JobDocument | null;
  readonly 'free-bytes': number;
  readonly 'boot-free-bytes': number;
  readonly 'reboot-required': boolean;
}

/** How one package differs between two trees. */
export interface PackageChange {
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
}

export interface DiffDocument {
  readonly from: Checksum;
  readonly to: Checksum;
  readonly packages: {
    readonly added: readonly PackageChange[];
    readonly removed: readonly PackageChange[];
    readonly upgraded: readonly PackageChange[];
    readonly downgraded: readonly PackageChange[];
  };
  readonly files: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly modified: readonly string[];
  };
}

/** One line of search and list. `version` is the feeds' newest, or the installed one where no feed has it. */
export interface PackageSummary {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly feed: string | null;
  readonly installed: string | null;
  readonly layered: boolean;
  readonly description: string;
}
