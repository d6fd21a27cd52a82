# What recipes share; sourced by each build.sh. $root is the image's root, $recipe the recipe's folder.
recipe=$(dirname "$0")

step() { printf '  %s: %s\n' "$(basename "$recipe")" "$1" >&2; }

# What programs in the image expect to find. The mounts end with the mount namespace of the build.
show_system() {
  mount --rbind /dev "$root/dev"
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/tmp"
  mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
}

# Runs in the image, without this host's environment: npm's variables would change what npm does there. An answer that is lost
# on the way is asked for again soon: npm itself would wait five minutes.
inside() {
  chroot "$root" env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm_config_cache=/tmp/npm npm_config_update_notifier=false \
    npm_config_fetch_timeout=30000 npm_config_fetch_retries=5 "$@"
}

install_packages() {
  inside apt-get update -qq
  inside apt-get install -y -qq --no-install-recommends "$@" > /dev/null 2>&1
}

# What only the build needed.
clean_up() {
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb \
    "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/root/.npm "$root"/root/.cache
}
