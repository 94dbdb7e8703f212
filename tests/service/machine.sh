#!/usr/bin/env bash
# A small machine with a real systemd in it, on any Linux where we are root: no container engine, no image. Its files are
# this system's under a layer that lives in memory, so that whatever is installed in it is gone with it; its processes,
# mounts, network, host name and control groups are its own. Only what `boot` puts into /usr/lib/systemd/system is started.
#
#   machine.sh boot NAME FOLDER BINARY SOURCE    ends with the process that runs it
#   machine.sh clear NAME FOLDER                 takes away its control group, which outlives it
#
# NAME is latchkey-test-PID-NUMBER, with the process that owns the machine.
set -euo pipefail

# Mounts made from here on are seen by nobody else.
privately() {
  exec unshare --mount bash "$0" "$@"
}

control_groups() { # the same tree whoever mounts it; where this system has it mounted does not matter
  mkdir -p "$1"
  mount -t cgroup2 none "$1"
}

sweep() { # what an interrupted run left behind
  local group pid
  for group in "$1"/latchkey-test-*; do
    pid=${group##*/latchkey-test-}
    [ ! -d "$group" ] || [ -d "/proc/${pid%%-*}" ] || find "$group" -depth -type d -exec rmdir {} + || true
  done
}

enter() {
  local name=$1 folder=$2
  control_groups "$folder/cgroup"
  sweep "$folder/cgroup"
  # A control group of its own, which the machine takes for the root of the tree.
  mkdir "$folder/cgroup/$name"
  echo "$BASHPID" >"$folder/cgroup/$name/cgroup.procs"
  exec unshare --mount --pid --fork --kill-child --cgroup --net --uts --ipc bash "$0" inside "${@:2}"
}

inside() {
  local folder=$1 binary=$2 source=$3 root=$1/layer/root node unit
  umount "$folder/cgroup"
  mkdir -p "$folder/layer"
  mount -t tmpfs tmpfs "$folder/layer"
  mkdir "$folder/layer/upper" "$folder/layer/work" "$root"
  mount -t overlay -o "lowerdir=/,upperdir=$folder/layer/upper,workdir=$folder/layer/work" overlay "$root"
  cd "$root"

  mount -t proc -o nosuid,nodev,noexec proc proc
  # The kernel is not the machine's: it can change nothing there.
  mount --bind proc/sys proc/sys
  mount -o remount,bind,ro proc/sys
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
  mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs dev
  for node in null zero full random urandom tty; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
  done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=tty devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  mount -t tmpfs tmpfs dev/shm

  # What a boot needs and no more: the units of this system would start its own services once again.
  mkdir -p "$folder/units"
  mount --bind usr/lib/systemd/system "$folder/units"
  mount -t tmpfs tmpfs usr/lib/systemd/system
  mount -t tmpfs tmpfs etc/systemd/system
  for unit in systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket modprobe@.service; do
    cp "$folder/units/$unit" usr/lib/systemd/system/
  done
  umount "$folder/units"
  for unit in sysinit basic shutdown umount; do
    printf '[Unit]\nDefaultDependencies=no\n' >"usr/lib/systemd/system/$unit.target"
  done
  printf '[Unit]\nWants=systemd-journald.service\n' >usr/lib/systemd/system/multi-user.target

  # An earlier installation of this system is not what is tested.
  mkdir -p var/lib/latchkey etc/latchkey
  rm -rf var/lib/latchkey etc/latchkey usr/bin/latchkey
  mkdir -p source/target/dist source/systemd
  touch source/target/dist/latchkey
  mount --bind "$binary" source/target/dist/latchkey
  mount --bind -o ro "$source/systemd" source/systemd
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=1777 tmpfs tmp

  mkdir run/before
  pivot_root . run/before
  umount -l run/before
  rmdir run/before
  # As systemd does outside of containers: credentials are mounted in one place and seen in another.
  mount --make-rshared /
  exec env -i container=latchkey-test PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_GENERATOR_PATH=/nowhere \
    setpriv --bounding-set=-sys_module,-sys_time,-sys_boot,-sys_rawio \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal --show-status=no
}

clear_away() {
  control_groups "$2/cgroup"
  [ ! -d "$2/cgroup/$1" ] || find "$2/cgroup/$1" -depth -type d -exec rmdir {} +
}

case $1 in
  boot) privately enter "${@:2}" ;;
  enter) enter "${@:2}" ;;
  inside) inside "${@:2}" ;;
  clear) privately clear_away "${@:2}" ;;
  clear_away) clear_away "${@:2}" ;;
esac
