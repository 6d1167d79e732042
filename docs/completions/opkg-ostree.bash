# bash completion for opkg-ostree; made by tools/manual.mjs
_opkg_ostree() {
  local cur="${COMP_WORDS[COMP_CWORD]}" path="" word words index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="${COMP_WORDS[index]}"
    case "$word" in -*) continue ;; esac
    case "$path" in ''|override|sysroot|repo|uci) path="${path:+$path }$word" ;; esac
  done
  case "$path" in
    '') words="status deploy rollback set-default pin unpin undeploy cleanup kargs diff history update search list info files install remove upgrade rebase override health confirm compose sysroot repo uci --sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --version" ;;
    override) words="remove reset" ;;
    sysroot) words="init" ;;
    repo) words="ls cat log show diff refs rev-parse init commit checkout pull-local reset fsck prune config remote" ;;
    uci) words="show export merge" ;;
    'status') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'deploy') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --dry-run --karg --karg-none" ;;
    'rollback') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --keep-etc" ;;
    'set-default') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'pin') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'unpin') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'undeploy') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'cleanup') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'kargs') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --dry-run --append --delete --replace" ;;
    'diff') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'history') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --limit" ;;
    'update') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --allow-older" ;;
    'search') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'list') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --installed --layered --upgradable" ;;
    'info') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'files') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'install') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --dry-run --cache-only --download-only --confirm-timeout --idempotent --uninstall --allow-unsigned" ;;
    'remove') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --dry-run --autoremove --idempotent" ;;
    'upgrade') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --dry-run --cache-only --download-only --confirm-timeout --check --preview --packages-only --skip-broken --allow-downgrade" ;;
    'rebase') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --dry-run --cache-only --download-only --confirm-timeout --kernel --kernel-release" ;;
    'override remove') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --dry-run" ;;
    'override reset') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --dry-run --all" ;;
    'health') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'confirm') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress" ;;
    'compose') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --branch --kernel --kernel-release --dtb --initramfs --target --version --mode" ;;
    'sysroot init') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --target" ;;
    'repo ls') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --dironly --recursive --checksum --nul-filenames-only" ;;
    'repo cat') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo" ;;
    'repo log') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo" ;;
    'repo show') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --print-metadata-key --list-metadata-keys" ;;
    'repo diff') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo" ;;
    'repo refs') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --list --create --delete" ;;
    'repo rev-parse') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo" ;;
    'repo init') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --mode" ;;
    'repo commit') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --branch --subject --body --tree --parent --owner-uid --owner-gid --no-xattrs --canonical-permissions --timestamp --add-metadata-string --no-bindings" ;;
    'repo checkout') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --user-mode --require-hardlinks --force-copy --union --union-add --union-identical --subpath" ;;
    'repo pull-local') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --remote --depth --untrusted" ;;
    'repo reset') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo" ;;
    'repo fsck') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --delete" ;;
    'repo prune') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --refs-only --depth --no-prune" ;;
    'repo config get') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo" ;;
    'repo config set') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo" ;;
    'repo remote add') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --no-gpg-verify --if-not-exists" ;;
    'repo remote list') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --show-urls" ;;
    'repo remote delete') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --repo --if-exists" ;;
    'uci show') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --config-dir --generated" ;;
    'uci export') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --config-dir --names" ;;
    'uci merge') words="--sysroot --stateroot --json --quiet --verbose --debug --no-color --progress --package" ;;
    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _opkg_ostree opkg-ostree
