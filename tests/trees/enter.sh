# The first process of name spaces in which a bare tree runs: a machine called shop1 with its own processes and
# network. When this process ends, all processes in the name spaces end, and nothing stays mounted.
#   $1: the root folder   the rest: the command to run
set -euo pipefail

root="$1"
shift
mount --make-rprivate /
hostname shop1
chroot "$root" /usr/bin/python3 -c '
import fcntl, socket, struct
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x41))  # SIOCSIFFLAGS: up and running'
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
