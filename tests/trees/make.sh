# Makes a bare Debian tree and packs it. scripts/trees.sh runs this file in a mount name space of its own, so that
# nothing stays mounted.
#   $1: the suite: bookworm, trixie, forky   $2: the archive to write   the rest: the packages in the tree
set -euo pipefail

suite="$1" archive="$2"
shift 2
mirror="${AUTOSCALER_DEBIAN_MIRROR:-http://deb.debian.org/debian}"
folder="$(mktemp -d)"
chmod 755 "$folder"
trap 'rm -rf --one-file-system "$folder"' EXIT
mount --make-rprivate /

# debootstrap's own list of suites ends with the release that it came with; all newer suites use sid's script.
debootstrap --variant=minbase --include=python3,ca-certificates "$suite" "$folder" "$mirror" \
    /usr/share/debootstrap/scripts/sid >&2

# The host's way to the archive; taken out again below.
cp -L /etc/resolv.conf "$folder/etc/"
apt-config dump | grep -E '^Acquire::(https?|Retries)' >"$folder/etc/apt/apt.conf.d/00host" || :
cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
printf 'deb %s %s main\n' "$mirror" "$suite" >"$folder/etc/apt/sources.list"
printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
chmod 755 "$folder/usr/sbin/policy-rc.d"
mount --bind /proc "$folder/proc"
mount --bind /dev "$folder/dev"
mount --bind /dev/pts "$folder/dev/pts"
mount --bind /sys "$folder/sys"

mapfile -t network < <(env | grep -E '^(https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|SSL_CERT_[A-Z]*)=' || :)
inside() {
    chroot "$folder" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=xterm \
        DEBIAN_FRONTEND=noninteractive "${network[@]}" "$@"
}
inside apt-get -q update >&2
inside apt-get -q -y --no-install-recommends install "$@" >&2
inside apt-get clean
umount "$folder/dev/pts" "$folder/dev" "$folder/proc" "$folder/sys"
rm -rf "$folder"/usr/sbin/policy-rc.d "$folder"/etc/resolv.conf "$folder"/etc/apt/sources.list.d/* \
    "$folder"/etc/apt/apt.conf.d/00host "$folder"/var/lib/apt/lists/* "$folder"/var/log/*.log "$folder"/var/log/apt/*
tar -C "$folder" --zstd -cf "$archive.new" .
mv "$archive.new" "$archive"
