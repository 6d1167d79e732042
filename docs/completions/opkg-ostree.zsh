#compdef opkg-ostree
# zsh completion for opkg-ostree; made by tools/manual.mjs
_opkg_ostree() {
  local cur="${words[CURRENT]}" at="" word words_
  for word in "${(@)words[2,CURRENT-1]}"; do
    case "$word" in -*) continue ;; esac
    case "$at" in ''|override|etc|sysroot|image|repo|self|uci) at="${at:+$at }$word" ;; esac
  done
  case "$at" in
    '') words_="status deploy rollback set-default finalize pin unpin undeploy cleanup kargs diff history update search list info files install remove upgrade rebase opkg override swap why whence apply export undo etc health confirm jobs watch cancel doctor compose sysroot convert image repo rpc tui self uci --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --version" ;;
    'override') words_="remove replace hold reset" ;;
    'etc') words_="diff merge conflicts accept keep reset log show revert" ;;
    'sysroot') words_="init" ;;
    'image') words_="build" ;;
    'repo') words_="ls cat log show diff refs rev-parse init commit checkout pull-local reset fsck prune config remote pull serve sign summary" ;;
    'self') words_="upgrade --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'uci') words_="show export merge" ;;
    'status') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'deploy') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --karg --karg-none --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'rollback') words_="--keep-etc --reboot --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'set-default') words_="--background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'finalize') words_="--confirm-timeout --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'pin') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'unpin') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'undeploy') words_="--background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'cleanup') words_="--background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'kargs') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --append --delete --replace --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'diff') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'history') words_="--limit --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'update') words_="--allow-older --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'search') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'list') words_="--installed --layered --upgradable --names --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'info') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress $(opkg-ostree list --names "$cur*" 2>/dev/null)" ;;
    'files') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress $(opkg-ostree list --names --installed "$cur*" 2>/dev/null)" ;;
    'install') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --idempotent --uninstall --allow-unsigned --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress $(opkg-ostree list --names "$cur*" 2>/dev/null)" ;;
    'remove') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --autoremove --idempotent --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress $(opkg-ostree list --names --layered "$cur*" 2>/dev/null)" ;;
    'upgrade') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --check --preview --packages-only --no-renames --skip-broken --allow-downgrade --retry --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'rebase') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --allow-downgrade --no-renames --kernel --kernel-release --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'opkg') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'override remove') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --force-critical --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'override replace') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --force-critical --allow-unsigned --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'override hold') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --force-critical --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'override reset') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --all --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'swap') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --force-critical --allow-unsigned --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'why') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress $(opkg-ostree list --names --installed "$cur*" 2>/dev/null)" ;;
    'whence') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'apply') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --force-critical --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'export') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'undo') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc diff') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc merge') words_="--preview --to --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc conflicts') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc accept') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc keep') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc reset') words_="--all --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc log') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc show') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'etc revert') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'health') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'confirm') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'jobs') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'watch') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'cancel') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'doctor') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'compose') words_="--repo --branch --kernel --kernel-release --dtb --initramfs --target --version --add-package --sign-key --mode --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'sysroot init') words_="--target --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'convert') words_="--plan --dry-run --apply --undo --finish --branch --target --root --boot --reboot --confirm-timeout --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'image build') words_="--target --repo --branch --output --size --loader --karg --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo ls') words_="--repo --dironly --recursive --checksum --nul-filenames-only --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo cat') words_="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo log') words_="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo show') words_="--repo --print-metadata-key --list-metadata-keys --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo diff') words_="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo refs') words_="--repo --list --create --delete --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo rev-parse') words_="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo init') words_="--repo --mode --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo commit') words_="--repo --branch --subject --body --tree --parent --owner-uid --owner-gid --no-xattrs --canonical-permissions --timestamp --add-metadata-string --no-bindings --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo checkout') words_="--repo --user-mode --require-hardlinks --force-copy --union --union-add --union-identical --subpath --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo pull-local') words_="--repo --remote --depth --untrusted --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo reset') words_="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo fsck') words_="--repo --delete --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo prune') words_="--repo --refs-only --depth --no-prune --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo config get') words_="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo config set') words_="--repo --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo remote add') words_="--repo --no-gpg-verify --if-not-exists --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo remote list') words_="--repo --show-urls --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo remote delete') words_="--repo --if-exists --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo pull') words_="--repo --depth --subpath --commit-metadata-only --mirror --timestamp-check --disable-static-deltas --disable-verify-bindings --url --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo serve') words_="--repo --address --port --port-file --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo sign') words_="--repo --sign-type --keys-file --verify --delete --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'repo summary') words_="--repo --update --view --sign --keys-file --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'rpc') words_="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'tui') words_="--ascii --plain --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'self upgrade') words_="--dry-run --expect-plan --confirm-timeout --cache-only --download-only --lock-finalization --reboot --background --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'uci show') words_="--config-dir --generated --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'uci export') words_="--config-dir --names --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'uci merge') words_="--package --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    *) words_="" ;;
  esac
  compadd -- ${=words_} || _files
}
_opkg_ostree "$@"
