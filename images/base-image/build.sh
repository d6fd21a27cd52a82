#!/bin/sh
# Builds the root file system of blaxel/base-image in the folder $1, which must not exist yet.
# A small Debian with the tools agents reach for, and a current Node, which Debian's own is not.
set -eu
root=$1
node_version=24
npm_version=11

. "$(dirname "$0")/../common.sh"

step "Debian packages"
mmdebstrap --quiet --mode=root --variant=minbase \
  --include=bash,coreutils,curl,git,ca-certificates,procps,python3,less,unzip,xz-utils \
  bookworm "$root"

step "Node $node_version and npm $npm_version"
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "base-image: no Node build for $(uname -m)" >&2; exit 1 ;;
esac
download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
(cd "$download" && npm pack --silent "node-linux-$arch@$node_version" "npm@$npm_version" | tail -n 2 > names)
install -d "$root/usr/local/lib/node_modules/npm"
tar -xzf "$download"/node-linux-*.tgz -C "$download"
install -m 755 "$download/package/bin/node" "$root/usr/local/bin/node"
tar -xzf "$download"/npm-*.tgz -C "$root/usr/local/lib/node_modules/npm" --strip-components=1
chown -R 0:0 "$root/usr/local/lib/node_modules"
for tool in npm npx; do
  chmod 755 "$root/usr/local/lib/node_modules/npm/bin/$tool-cli.js"
  ln -sf "../lib/node_modules/npm/bin/$tool-cli.js" "$root/usr/local/bin/$tool"
done

# A host that trusts a certificate authority of its own (a company's proxy) shares that trust with its sandboxes.
if ls /usr/local/share/ca-certificates/*.crt > /dev/null 2>&1; then
  step "certificate authorities of this host"
  cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
  chroot "$root" update-ca-certificates > /dev/null 2>&1
fi

mkdir -p "$root/blaxel"
clean_up
