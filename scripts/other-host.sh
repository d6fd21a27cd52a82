#!/bin/sh
# A virtual machine like the hosts of most users, pure cgroup v2 and Debian's own kernel, with this checkout in /root/dormouse:
#   sh scripts/other-host.sh up             builds it (minutes, only once) and boots it
#   sh scripts/other-host.sh run COMMAND    runs a command in the checkout there
#   sh scripts/other-host.sh update         takes what was changed here to it
#   sh scripts/other-host.sh down           ends it; what it wrote is gone
# Needs root, and no KVM: the processor is emulated, 10 to 30 times slower, so tests want long time-outs. OTHER_HOST_DIR is where
# its disk lies, OTHER_HOST_RELEASE the release of Debian, OTHER_HOST_KERNEL_OPTIONS goes to its kernel, such as psi=0.
set -eu
cd "$(dirname "$0")/.."
release=${OTHER_HOST_RELEASE:-bookworm}
dir=${OTHER_HOST_DIR:-/var/tmp/dormouse-other-host}/$release
disk_gib=24
memory_mib=6144
ssh_port=${OTHER_HOST_PORT:-2222}
boot_timeout_s=600

step() { printf 'other host: %s\n' "$1" >&2; }

# The programs this script needs itself, and what setup.sh installs for the product and its tests, but for the browser.
install_tools() {
  for tool in mke2fs:e2fsprogs mmdebstrap:mmdebstrap qemu-system-x86_64:qemu-system-x86 ssh:openssh-client; do
    command -v "${tool%:*}" > /dev/null || missing="${missing:-} ${tool#*:}"
  done
  [ -z "${missing:-}" ] && return
  step "installing$missing"
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $missing > /dev/null
}

packages() {
  sed -n 's/^packages="\(.*\)"$/\1/p; s/^ *--test) packages="$packages \(.*\)" ;;$/\1/p' scripts/setup.sh |
    tr ' ' '\n' | grep -v '^chromium$' | paste -sd, -
}

build_disk() {
  [ -e "$dir/disk.ext4" ] && return
  rm -rf "$dir/root" && mkdir -p "$dir"
  [ -e "$dir/key" ] || ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
  step "Debian $release"
  mmdebstrap --quiet --mode=root --variant=minbase \
    --include="$(packages),linux-image-cloud-amd64,systemd-sysv,systemd-resolved,udev,dbus,kmod,openssh-server,libpam-systemd" \
    "$release" "$dir/root"
  root=$dir/root
  echo dormouse-test > "$root/etc/hostname"
  printf '[Match]\nName=en*\n[Network]\nDHCP=yes\n' > "$root/etc/systemd/network/wired.network"
  ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
  ln -sf /lib/systemd/system/systemd-networkd.service "$root/etc/systemd/system/multi-user.target.wants/"
  install -d -m 700 "$root/root/.ssh" && cp "$dir/key.pub" "$root/root/.ssh/authorized_keys"
  # Node and npm of this machine, and whom it trusts.
  install -D -t "$root/usr/local/bin" "$(readlink -f "$(command -v node)")"
  npm_dir=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
  mkdir -p "$root/usr/local/lib/node_modules" && cp -r "$npm_dir" "$root/usr/local/lib/node_modules/npm"
  for tool in npm npx; do ln -sf "../lib/node_modules/npm/bin/$tool-cli.js" "$root/usr/local/bin/$tool"; done
  if ls /usr/local/share/ca-certificates/*.crt > /dev/null 2>&1; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates > /dev/null
  fi
  cp "$root"/boot/vmlinuz-* "$dir/vmlinuz" && cp "$root"/boot/initrd.img-* "$dir/initrd"
  step "its disk"
  mke2fs -q -t ext4 -d "$root" -E root_owner=0:0 "$dir/disk.new" "${disk_gib}G"
  rm -rf "$root" && mv "$dir/disk.new" "$dir/disk.ext4"
}

in_guest() {
  ssh -q -i "$dir/key" -p "$ssh_port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=5 root@127.0.0.1 "$@"
}

is_running() { [ -e "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2> /dev/null; }

boot() {
  is_running && return
  pack_checkout
  step "booting, its console in $dir/console"
  qemu-system-x86_64 -daemonize -pidfile "$dir/pid" -display none -serial "file:$dir/console" \
    -machine q35,accel=tcg -cpu max -smp 2 -m "$memory_mib" \
    -kernel "$dir/vmlinuz" -initrd "$dir/initrd" -append "root=/dev/vda rw console=ttyS0 ${OTHER_HOST_KERNEL_OPTIONS:-}" \
    -drive "file=$dir/disk.ext4,format=raw,if=virtio,snapshot=on,cache=unsafe" \
    -drive "file=$dir/checkout.tar,format=raw,if=virtio,readonly=on" \
    -netdev "user,id=net,hostfwd=tcp:127.0.0.1:$ssh_port-:22" -device virtio-net-pci,netdev=net -device virtio-rng-pci
  deadline_s=$(($(date +%s) + boot_timeout_s))
  until in_guest true; do
    is_running && [ "$(date +%s)" -lt "$deadline_s" ] || { tail -n 20 "$dir/console" >&2; exit 1; }
    sleep 1
  done
  in_guest 'tar --extract --file /dev/vdb --directory /'
}

# On a disk of its own, as going through the emulated network takes minutes; with the base image, if this machine has built it.
pack_checkout() {
  step "packing the checkout"
  # shellcheck disable=SC2012
  image=$(ls -td /var/cache/dormouse/images/base-image-* 2> /dev/null | head -n 1)
  # Where other data folders share files of the image, the number of their links may change meanwhile, which is status 1.
  # shellcheck disable=SC2086
  tar --create --file "$dir/checkout.tar" --numeric-owner --warning=no-file-changed --exclude=./.git \
    --transform='flags=rh;s,^\./,root/dormouse/,' . ${image:+-C / "${image#/}"} || [ $? = 1 ]
}

update() {
  git ls-files --cached --others --exclude-standard |
    tar --create --ignore-failed-read --files-from=- dist | in_guest 'tar --extract --no-same-owner --directory dormouse'
}

case ${1:-} in
  up) sh scripts/setup.sh && install_tools && build_disk && boot ;;
  run) shift && in_guest "cd dormouse && $*" ;;
  update) sh scripts/setup.sh && update ;;
  down) if is_running; then kill "$(cat "$dir/pid")"; fi ;;
  *) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
esac
