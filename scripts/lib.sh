# Set-up that the scripts share. Sourced, not run; the caller has set -euo pipefail.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv="$PWD/.venv"

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Runs a command as root, if this user may without being asked; fails otherwise.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

can_install() {
    command -v apt-get >/dev/null && as_root true
}

apt_updated=
apt_update() {
    if [ -n "$apt_updated" ]; then return; fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >&2 || return 1
    apt_updated=yes
}

apt_install() {
    apt_update || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@" >&2
}

# The newest Python that will do.
find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "autoscaler needs Python 3.11 or newer; none was found (Debian 12, Ubuntu 24.04 and newer have it as python3)."
}

make_venv() {
    local python version
    python="$(find_python)"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        can_install || fail "Python's venv module is missing: apt-get install python$version-venv"
        say "Installing python$version-venv with apt."
        apt_install "python$version-venv" || fail "apt could not install python$version-venv."
    fi
    say "Making $venv with $python."
    "$python" -m venv --clear "$venv"
}

# Makes the virtual environment, installs the package into it and puts it first on PATH.
#   $1: extras, such as [dev], or nothing
# A second run is quick: it installs again only when the package's metadata have changed.
prepare() {
    local extras="${1:-}" wanted
    if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        make_venv
    fi
    wanted="$(cat pyproject.toml setup.py | sha256sum)"
    if ! is_installed "$extras" "$wanted"; then
        say "Installing the package into $venv."
        "$venv/bin/python" -m pip install -q --disable-pip-version-check -e ".$extras"
        printf '%s\n' "$wanted" >"$(stamp "$extras")"
    fi
    export PATH="$venv/bin:$PATH"
}

stamp() { printf '%s' "$venv/autoscaler-installed$1"; }

# With more extras is as good: the stamps of those begin with the same ones.
is_installed() {
    local each
    for each in "$(stamp "${1%]}")"*; do
        if [ "$(cat "$each" 2>/dev/null)" = "$2" ]; then return; fi
    done
    return 1
}

have_rabbitmq() {
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null
}

# Installs RabbitMQ where that is possible and it is missing.
#   $1: what happens without it, for the message
want_rabbitmq() {
    have_rabbitmq || want_package rabbitmq-server "$1"
}

# Installs the package that has a command where that is possible and the command is missing.
#   $1: the command
#   $2: its Debian package
#   $3: what happens without it, for the message
want_command() {
    command -v "$1" >/dev/null || want_package "$2" "$3"
}

# Installs a Debian package where that is possible.
want_package() {
    if ! can_install; then
        say "$1 is not installed, and this user may not install it: $2."
        return
    fi
    say "Installing $1 with apt. No service of it is started."
    # Before the subshell that installs, so that it is done once.
    if ! { apt_update && install_quietly "$1"; }; then
        say "apt could not install $1: $2."
    fi
}

# A policy-rc.d that says no keeps apt from starting services; one that is there already stays.
install_quietly() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    apt_install "$1"
)

run_linters() {
    say "ruff, mypy, import-linter"
    ruff check .
    ruff format --check .
    mypy --strict
    lint-imports
}
