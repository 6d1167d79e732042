/** Command lines that are run one after the other on a fresh root, and what they are compared by. */

export interface Scenario {
  readonly name: string;
  /** Each is opkg's words after `-o ROOT`; one that begins with `!` is a shell line run in the root. */
  readonly steps: readonly string[];
  /** Scripts print while opkg buffers its own lines, so the order of the two says nothing. */
  readonly anyOrder?: boolean;
  /** Lines that differ on purpose: docs/formats/opkg-face.md has each with its reason. */
  readonly except?: RegExp;
  /** Only outputs are compared. */
  readonly outputsOnly?: boolean;
}

const oldApp = 'FEEDS/old/app_1.0-1_all.ipk';
const reading = [
  'list',
  'list a*',
  'list --size l*',
  'list --nocase A*',
  '-i list [a-d]*',
  'find *package?app*',
  'find nothing',
  'list-installed',
  'list_installed lib*',
  'list-upgradable',
  'list-changed-conffiles',
  'info app',
  'info nothing',
  'status',
  'status libc',
  'files libc',
  'files nothing',
  'search *lib*',
  'print-architecture',
  '--add-arch x:5 --add-arch bad print-architecture',
  '-d ram list-installed',
  '-d nowhere list',
  '-V0 depends libc',
  'depends -A a*',
  'depends busybox',
  'whatdepends -A data',
  'whatdependsrec -A data',
  'whatdepends libc',
  'whatprovides -A lib*',
  'whatprovides -A lib-any',
  'whatreplaces -A data',
  'whatconflicts -A data',
  'whatrecommends -A alone',
  'whatsuggests -A data',
  '--strip-abi list l*',
  '--strip_abi --siz list li?',
  '-force-depends list alone',
  '-n list alone',
  'compare-versions 1 << 2',
  'compare-versions 1 >= 2',
  'compare_versions 1.0-1 = 1.0-1',
  'compare-versions 1 lt 2',
  'compare-versions 1',
];

/** All of them. */
export const scenarios: readonly Scenario[] = [
  { name: 'reading', steps: ['update', ...reading] },
  { name: 'reading without lists', steps: ['list', 'list-upgradable', 'info', 'find *', 'whatdepends libc'] },
  { name: 'no folder for the lock', steps: ['!rm -r var/lock', 'list', 'install alone'], outputsOnly: true },
  { name: 'a dependency each', steps: ['update', 'install app', 'files app', 'status', 'list-upgradable'] },
  {
    name: 'a provider',
    steps: ['update', 'install any', 'install lib-any', 'install choice', 'remove choice'],
  },
  {
    name: 'unknown',
    steps: ['update', 'install nope', 'remove nope', 'upgrade nope', 'download nope', 'flag hold nope'],
  },
  {
    name: 'unsatisfiable',
    steps: ['update', 'install broken', 'install deep', 'install versioned', 'install foreign'],
  },
  {
    name: 'forced dependencies',
    steps: ['update', '--force-depends install versioned', '--nodeps install app'],
  },
  {
    name: 'a strict version',
    steps: ['update', 'install strict', 'depends strict'],
    except: /^(?:Depends: |\t)lib \(<[<=]? 1\.5-1\)$/u,
  },
  { name: 'recommendations', steps: ['update', 'install recommends'], except: /^Suggests: / },
  { name: 'twice', steps: ['update', 'install app', 'install app', 'install lib', 'upgrade app'] },
  {
    name: 'from a file, and up',
    steps: ['update', `install ${oldApp}`, 'list-upgradable', 'install app', 'status app'],
  },
  {
    name: 'a changed configuration file',
    steps: [
      'update',
      `install ${oldApp}`,
      '!echo changed >> etc/config/app',
      'list-changed-conffiles',
      'upgrade app',
      'list-changed-conffiles',
      'remove app',
    ],
  },
  {
    name: "the maintainer's configuration file",
    steps: [
      'update',
      `install ${oldApp}`,
      '!echo changed >> etc/config/app',
      '--force-maintainer upgrade app',
    ],
  },
  {
    name: 'a configuration file that was there',
    steps: ['update', '!mkdir -p etc/config && echo mine > etc/config/app', 'install app', 'remove app'],
  },
  {
    name: 'down again',
    steps: ['update', 'install app', `install ${oldApp}`, `--force-downgrade install ${oldApp}`],
  },
  { name: 'held', steps: ['update', `install ${oldApp}`, 'flag hold app', 'upgrade app', 'status app'] },
  {
    name: 'flags',
    steps: [
      'update',
      'install app',
      'flag ok app',
      'flag user lib',
      'flag noprune lib',
      'flag bogus lib',
      'flag unpacked data',
      'configure',
    ],
  },
  { name: 'orphans', steps: ['update', 'install app', '--autoremove remove app', 'list-installed'] },
  { name: 'needed by others', steps: ['update', 'install app', 'remove lib', '--force-depends remove lib'] },
  { name: 'with dependents', steps: ['update', 'install app', '--recursive remove lib'] },
  { name: 'patterns', steps: ['update', 'install app data', 'remove a* d*'] },
  { name: 'a circle', steps: ['update', 'install cycle-a', 'remove cycle-a', '--recursive remove cycle-a'] },
  {
    name: 'clashes',
    steps: ['update', 'install data', 'install clash', '--force-overwrite install clash', 'remove clash'],
  },
  { name: 'a clash in one go', steps: ['update', 'install data clash'] },
  { name: 'a replacer', steps: ['update', 'install data', 'install taker', 'remove taker', 'files data'] },
  { name: 'a conflict', steps: ['update', 'install data', 'install enemy', '--force-depends install enemy'] },
  { name: 'a stand-in', steps: ['update', 'install alone', 'list-installed', 'install stand-in'] },
  {
    name: 'essential',
    steps: [
      'update',
      'install essential',
      'remove essential',
      '--force-removal-of-essential-packages remove essential',
    ],
  },
  {
    name: 'scripts',
    steps: [
      'update',
      '--force-postinstall install FEEDS/old/scripts_0.9-1_all.ipk',
      '--force-postinstall upgrade scripts',
      '--force-postinstall --force-reinstall install scripts',
      '--force-postinstall remove scripts',
    ],
    anyOrder: true,
  },
  {
    name: 'scripts that fail',
    steps: [
      'update',
      '--force-postinstall install fails',
      'configure',
      '--force-postinstall install refuses',
      '--force-postinstall install stays',
      '--force-postinstall remove stays',
      '--force-postinstall --force-remove remove stays',
    ],
  },
  {
    name: 'alternatives',
    steps: ['update', 'install alt-low alt-high', 'remove alt-high', 'remove alt-low'],
  },
  { name: 'a name with a plus', steps: ['update', 'install plus+name', 'remove plus+name'] },
  { name: 'a wrong checksum', steps: ['update', 'install huge'] },
  {
    name: 'without action',
    steps: ['update', '--noaction install app', 'install app', '--test --autoremove remove app'],
  },
  {
    name: 'another destination',
    steps: ['update', '-d ram install alone', 'list-installed', '-d ram remove alone'],
  },
  {
    name: 'files in the way',
    steps: ['update', '!mkdir -p usr/share/data && echo x > usr/share/data/version', 'install data'],
  },
  {
    name: 'odd configuration',
    steps: [
      "!echo 'option force_space 1' >> etc/opkg/feeds.conf",
      "!echo 'bogus line' >> etc/opkg/feeds.conf",
      "!echo 'src main x y # z' >> etc/opkg/feeds.conf",
      "!echo 'src main x' >> etc/opkg/feeds.conf",
      "!echo 'option nope 1' >> etc/opkg/feeds.conf",
      'list-installed',
    ],
  },
  {
    name: 'a feed that is gone',
    steps: ['!echo "src/gz gone file:///nonexistent" >> etc/opkg/feeds.conf', 'update'],
  },
];
