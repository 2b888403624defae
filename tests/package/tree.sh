# Makes the tree that scripts/test-package keeps: a bare Debian 12 with what a user of autoscaler has already.
# Run it in a mount name space of its own, so that nothing stays mounted.  $1: the archive to write
set -euo pipefail

folder="$(mktemp -d)"
chmod 755 "$folder"
trap 'rm -rf --one-file-system "$folder"' EXIT
mount --make-rprivate /

debootstrap --variant=minbase --include=python3,ca-certificates bookworm "$folder" >&2

# The host's way to the archive; taken out again below.
cp -L /etc/resolv.conf "$folder/etc/"
cp -a /etc/apt/sources.list.d /etc/apt/apt.conf.d "$folder/etc/apt/"
cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
: >"$folder/etc/apt/sources.list"
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
inside apt-get -q -y --no-install-recommends install supervisor rabbitmq-server logrotate lintian \
    sysv-rc insserv procps >&2
inside apt-get clean
umount "$folder/dev/pts" "$folder/dev" "$folder/proc" "$folder/sys"
rm -rf "$folder"/usr/sbin/policy-rc.d "$folder"/etc/resolv.conf "$folder"/etc/apt/sources.list.d/* \
    "$folder"/etc/apt/apt.conf.d/* "$folder"/var/lib/apt/lists/* "$folder"/var/log/*.log "$folder"/var/log/apt/*
tar -C "$folder" --zstd -cf "$1.new" .
mv "$1.new" "$1"
