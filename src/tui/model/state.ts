/** All that the screens are drawn from. Plain data: drawing and changing it are pure functions of it. */
import type {
  DiffDocument,
  EtcChange,
  EtcConflict,
  EtcPreview,
  HistoryRecord,
  JobDocument,
  JobEvent,
  PackageDetails,
  PackageSummary,
  Plan,
  StatusDocument,
} from '../../engine/index.ts';
import type { Change } from './change.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export type ScreenName = 'deployments' | 'software' | 'etc' | 'history';

/** The screens in the order of their numbers. */
export const screens: readonly ScreenName[] = ['deployments', 'software', 'etc', 'history'];

/** A list with a selected item, kept by its id: what comes and goes around it does not move it. */
export interface ListState {
  readonly selected: string | undefined;
  /** Index of the first item that is seen. */
  readonly top: number;
}

/** A package with what a filter looks through. */
export interface IndexedPackage extends PackageSummary {
  /** The name. */
  readonly id: string;
  readonly upgradable: boolean;
  readonly lowerName: string;
  readonly lowerText: string;
}

export type SoftwareView = 'all' | 'installed' | 'layered' | 'upgradable';

/** What is to become of a package: `add` a request, `remove` it, `hide` a package of the base, or `show` it again. */
export type Mark = 'add' | 'remove' | 'hide' | 'show';

export interface SoftwareState {
  readonly packages: readonly IndexedPackage[] | undefined;
  /** Those that filter and view let through, by name. */
  readonly matches: readonly IndexedPackage[];
  /** The same with the best matches first. */
  readonly shown: readonly IndexedPackage[];
  readonly filter: string;
  readonly view: SoftwareView;
  readonly marks: ReadonlyMap<string, Mark>;
  readonly list: ListState;
  readonly details: ReadonlyMap<string, PackageDetails>;
}

/** One row of the /etc screen. */
export interface EtcRow {
  readonly id: string;
  readonly path: string;
  /** `!` to settle now, `?` the next merge cannot settle it, `A` `M` `D` changed here, `*` changed by the next merge. */
  readonly mark: '!' | '?' | 'A' | 'M' | 'D' | '*';
  readonly text: string;
  readonly diff: readonly string[] | null;
}

export interface EtcState {
  readonly loaded: boolean;
  readonly changes: readonly EtcChange[];
  readonly conflicts: readonly EtcConflict[];
  readonly preview: EtcPreview | undefined;
  /** True for what the next merge will do, false for what is changed now. */
  readonly ahead: boolean;
  readonly list: ListState;
}

export interface HistoryState {
  /** Newest first. */
  readonly records: readonly HistoryRecord[] | undefined;
  readonly list: ListState;
}

export interface JobState {
  readonly job: JobDocument;
  /** The newest events. */
  readonly events: readonly JobEvent[];
  /** The number of the last event that was seen. */
  readonly seen: number;
}

/** What lies over a screen until it is left. */
export type Overlay =
  | { readonly kind: 'detail'; readonly top: number }
  | { readonly kind: 'help'; readonly top: number }
  | { readonly kind: 'progress'; readonly top: number }
  | {
      readonly kind: 'plan';
      readonly change: Change;
      readonly plan: Plan | undefined;
      readonly notes: readonly string[];
      readonly error: Failure | undefined;
      readonly top: number;
    };

/** An error as it is shown. */
export interface Failure {
  readonly message: string;
  readonly hint: string | undefined;
}

/** What a confirmed question does. */
export type Deed =
  | { readonly do: 'start'; readonly change: Change }
  | { readonly do: 'cancel'; readonly id: string }
  | { readonly do: 'settle'; readonly path: string; readonly decision: 'accept' | 'keep' | 'merge' }
  | { readonly do: 'pin'; readonly index: number; readonly pinned: boolean }
  | { readonly do: 'reboot' }
  | { readonly do: 'leave'; readonly status: number };

/** A question in a box; No is the default. */
export interface Question {
  readonly text: readonly string[];
  /** The word that has to be typed where `y` would be too easy. */
  readonly word: string | undefined;
  readonly typed: string;
  readonly deed: Deed;
}

export interface State {
  readonly size: Size;
  readonly unicode: boolean;
  /** Lists move by half a page: on a slow line each line that changes costs time. */
  readonly jumps: boolean;
  readonly now: number;
  readonly screen: ScreenName;
  /** Which panel the keys of movement go to. */
  readonly panel: 'list' | 'detail';
  /** First line of the detail panel. */
  readonly detailTop: number;
  readonly overlay: Overlay | undefined;
  readonly question: Question | undefined;
  /** True while letters go to the filter of the list. */
  readonly filtering: boolean;
  readonly notice: { readonly text: string; readonly bad: boolean } | undefined;
  readonly status: StatusDocument | undefined;
  readonly deployments: ListState;
  readonly diffs: ReadonlyMap<string, DiffDocument>;
  readonly software: SoftwareState;
  readonly etc: EtcState;
  readonly history: HistoryState;
  readonly job: JobState | undefined;
}

const emptyList: ListState = { selected: undefined, top: 0 };

/** The state before anything has been read. */
export function initialState(look: {
  readonly size: Size;
  readonly unicode: boolean;
  readonly jumps: boolean;
  readonly now: number;
}): State {
  return {
    ...look,
    screen: 'deployments',
    panel: 'list',
    detailTop: 0,
    overlay: undefined,
    question: undefined,
    filtering: false,
    notice: undefined,
    status: undefined,
    deployments: emptyList,
    diffs: new Map(),
    software: {
      packages: undefined,
      matches: [],
      shown: [],
      filter: '',
      view: 'all',
      marks: new Map(),
      list: emptyList,
      details: new Map(),
    },
    etc: { loaded: false, changes: [], conflicts: [], preview: undefined, ahead: false, list: emptyList },
    history: { records: undefined, list: emptyList },
    job: undefined,
  };
}
