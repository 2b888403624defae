# The first process of the name spaces in which the package lives: a machine called shop1 with its own processes
# and network. When it ends, all that runs in them ends, and all that is mounted in them is gone.
#   $1: the root folder   the rest: what to run
set -euo pipefail

root="$1"
shift
mount --make-rprivate /
hostname shop1
ip link set lo up 2>/dev/null || "$1" -c '
import fcntl, socket, struct
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x41))'
printf '127.0.0.1 localhost shop1\n' >"$root/etc/hosts"
printf 'shop1\n' >"$root/etc/hostname"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t sysfs sysfs "$root/sys" 2>/dev/null || mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/run/lock"
# As on a running machine: packages may start their services.
printf '#!/bin/sh\nexit 0\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
# Not exec: this process stays to bury what its children leave.
"$@"
