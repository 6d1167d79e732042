# Made by tools/manual.mjs. BusyBox ash completes names of files and commands, and cannot be taught more: what could come
# next is printed instead. 'opkg_ostree_words install tcp' prints the packages that begin so, 'opkg_ostree_words ""' the commands.
opkg_ostree_words() {
  local cur= path= word words
  for word in "$@"; do
    if [ -n "$cur" ]; then
      case "$cur" in
      -*) ;;
      *) case "$path" in ''|override|etc|sysroot|image|repo|self|uci) path="${path:+$path }$cur" ;; esac ;;
      esac
    fi
    cur=$word
  done
  case "$path" in
    '') words="status deploy rollback set-default finalize pin unpin undeploy cleanup kargs diff history update search list info files install remove upgrade rebase opkg override swap why whence apply export undo etc health confirm jobs watch cancel doctor compose sysroot convert image repo rpc tui self uci --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --version" ;;
    'override') words="remove replace hold reset" ;;
    'etc') words="diff merge conflicts accept keep reset log show revert" ;;
    'sysroot') words="init" ;;
    'image') words="build" ;;
    'repo') words="ls cat log show diff refs rev-parse init commit checkout pull-local reset fsck prune config remote pull serve sign summary" ;;
    'self') words="upgrade --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'uci') words="show export merge" ;;
    'status') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'deploy') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --karg --karg-none --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'rollback') words="--keep-etc --reboot --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'set-default') words="--background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'finalize') words="--confirm-timeout --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'pin') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'unpin') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'undeploy') words="--background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'cleanup') words="--background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'kargs') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --append --delete --replace --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'diff') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'history') words="--limit --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'update') words="--allow-older --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'search') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'list') words="--installed --layered --upgradable --names --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'info') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress $(opkg-ostree list --names "$cur*" 2>/dev/null)" ;;
    'files') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress $(opkg-ostree list --names --installed "$cur*" 2>/dev/null)" ;;
    'install') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --idempotent --uninstall --allow-unsigned --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress $(opkg-ostree list --names "$cur*" 2>/dev/null)" ;;
    'remove') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --autoremove --idempotent --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress $(opkg-ostree list --names --layered "$cur*" 2>/dev/null)" ;;
    'upgrade') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --check --preview --packages-only --no-renames --skip-broken --allow-downgrade --retry --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'rebase') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --allow-downgrade --no-renames --kernel --kernel-release --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'opkg') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'override remove') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --force-critical --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'override replace') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --force-critical --allow-unsigned --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'override hold') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --force-critical --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'override reset') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --all --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'swap') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --force-critical --allow-unsigned --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'why') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress $(opkg-ostree list --names --installed "$cur*" 2>/dev/null)" ;;
    'whence') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'apply') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --force-critical --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'export') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'undo') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc diff') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc merge') words="--preview --to --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc conflicts') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc accept') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc keep') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc reset') words="--all --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc log') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc show') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc revert') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'health') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'confirm') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'jobs') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'watch') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'cancel') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'doctor') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'compose') words="--repo --branch --kernel --kernel-release --dtb --initramfs --target --version --add-package --sign-key --mode --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'sysroot init') words="--target --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'convert') words="--plan --dry-run --apply --undo --finish --branch --target --root --boot --reboot --confirm-timeout --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'image build') words="--target --repo --branch --output --size --loader --karg --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo ls') words="--repo --dironly --recursive --checksum --nul-filenames-only --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo cat') words="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo log') words="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo show') words="--repo --print-metadata-key --list-metadata-keys --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo diff') words="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo refs') words="--repo --list --create --delete --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo rev-parse') words="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo init') words="--repo --mode --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo commit') words="--repo --branch --subject --body --tree --parent --owner-uid --owner-gid --no-xattrs --canonical-permissions --timestamp --add-metadata-string --no-bindings --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo checkout') words="--repo --user-mode --require-hardlinks --force-copy --union --union-add --union-identical --subpath --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo pull-local') words="--repo --remote --depth --untrusted --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo reset') words="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo fsck') words="--repo --delete --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo prune') words="--repo --refs-only --depth --no-prune --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo config get') words="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo config set') words="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo remote add') words="--repo --no-gpg-verify --if-not-exists --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo remote list') words="--repo --show-urls --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo remote delete') words="--repo --if-exists --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo pull') words="--repo --depth --subpath --commit-metadata-only --mirror --timestamp-check --disable-static-deltas --disable-verify-bindings --url --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo serve') words="--repo --address --port --port-file --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo sign') words="--repo --sign-type --keys-file --verify --delete --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo summary') words="--repo --update --view --sign --keys-file --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'rpc') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'tui') words="--ascii --plain --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'self upgrade') words="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'uci show') words="--config-dir --generated --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'uci export') words="--config-dir --names --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'uci merge') words="--package --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    *) words="" ;;
  esac
  for word in $words; do
    case "$word" in "$cur"*) echo "$word" ;; esac
  done
}
