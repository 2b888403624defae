# Bare Debian trees for tests. Sourced after lib.sh, not run. Trees need root. A tree is made once and kept, packed,
# in ~/.cache/autoscaler-tests: by debootstrap, in name spaces of its own.

# A command in $(...) that fails ends the script, too.
shopt -s inherit_errexit

trees_folder="${XDG_CACHE_HOME:-$HOME/.cache}/autoscaler-tests"

# Packages of a tree, by its kind.
tree_packages() {
    local services="supervisor rabbitmq-server logrotate procps"
    case $1 in
        bare) echo "ca-certificates" ;;  # as an image of Debian
        user) echo "$services sysv-rc insserv lintian" ;;  # what a user of autoscaler has already
        tests) echo "$services python3-venv prometheus systemd man-db git binutils dpkg-dev" ;;
        booted) echo "$services systemd-sysv dbus" ;;  # can be booted with systemd
        sysv) echo "$services sysvinit-core sysv-rc insserv initscripts" ;;  # can be booted with sysvinit
        *) fail "no kind of tree: $1" ;;
    esac
}

# The Debian release of a suite, as people call it.
suite_title() {
    case $1 in
        bookworm) echo "Debian 12" ;;
        trixie) echo "Debian 13" ;;
        forky) echo "Debian testing" ;;
        *) fail "no suite: $1 (bookworm, trixie or forky)" ;;
    esac
}

# Prints the path of the archive with a tree; makes the archive when it is missing.
#   $1: suite   $2: kind
want_tree() {
    local suite="$1" kind="$2" packages archive
    packages="$(tree_packages "$kind")" || return
    archive="$(tree_archive "$suite" "$kind" "$packages")"
    if [ ! -e "$archive" ]; then
        say "Making a bare $(suite_title "$suite") once, with $packages."
        mkdir -p "$trees_folder"
        # shellcheck disable=SC2086  # several packages
        unshare --mount --pid --fork --kill-child bash tests/trees/make.sh "$suite" "$archive" $packages
    fi
    printf '%s\n' "$archive"
}

tree_archive() {
    printf '%s/%s-%s-%s.tar.zst' "$trees_folder" "$1" "$2" \
        "$({ cat tests/trees/make.sh; echo "$3"; } | sha256sum | cut -c1-12)"
}

# Unpacks a tree into a folder.
#   $1: archive   $2: folder, which is made
unpack_tree() {
    mkdir -p -m 755 "$2"
    tar -C "$2" --zstd -xf "$1"
    chmod 755 "$2"
}

# Says why the trees cannot be had: a failure in CI, a skip by hand.
missing() {
    say "$1"
    if [ "${CI:-}" = true ]; then exit 1; fi
    say "Skipped."
    exit 0
}

# Makes sure of all that makes and enters trees.
need_trees() {
    [ "$(id -u)" = 0 ] || missing "${0##*/} needs root: debootstrap and chroot do."
    local command
    for command in unshare chroot dpkg-deb git; do
        command -v "$command" >/dev/null || missing "$command is missing."
    done
    command -v debootstrap >/dev/null || apt_install debootstrap || missing "debootstrap is missing."
    command -v zstd >/dev/null || apt_install zstd || missing "zstd is missing."
}

# Builds the Debian package in a tree of its suite, so that the package fits the suite's Python. Uses the network.
#   $1: suite   $2: folder for the package, whose path is printed
build_in_tree() {
    local suite="$1" out="$2" tree root
    tree="$(want_tree "$suite" tests)"
    root="$(mktemp -d)"
    unpack_tree "$tree" "$root"
    mkdir "$root/src"
    git ls-files -z --cached --others --exclude-standard | tar -c --null -T - --ignore-failed-read 2>/dev/null |
        tar -C "$root/src" -x
    say "Building the package in a bare $(suite_title "$suite")."
    in_tree_with_network "$root" sh -c "cd /src && SOURCE_DATE_EPOCH=$(source_date) scripts/build-deb /built" >&2
    local package
    package="$(cd "$root/built" && ls -- *.deb)"
    cp "$root/built/$package" "$out/"
    rm -rf --one-file-system "$root"
    printf '%s\n' "$out/$package"
}

# The time of the last commit, for packages that are the same whenever they are built.
source_date() { git log -1 --format=%ct 2>/dev/null || echo 0; }

# Runs a command in a tree, with the host's way to the package index.
#   $1: the root folder   the rest: the command
in_tree_with_network() {
    local root="$1" network
    shift
    cp -L /etc/resolv.conf "$root/etc/"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    local wanted='^(https?_proxy|no_proxy|SSL_CERT_[A-Z]*|PIP_(INDEX_URL|CERT|DEFAULT_TIMEOUT))='
    mapfile -t network < <(env | grep -iE "$wanted" || :)
    # shellcheck disable=SC2016  # the inner shell expands them
    unshare --mount --pid --fork --kill-child sh -c '
        root="$1"; shift
        mount --make-rprivate / && mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
        exec chroot "$root" "$@"' \
        sh "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "${network[@]}" "$@"
}
