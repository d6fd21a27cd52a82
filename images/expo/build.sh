#!/bin/sh
# Adds to the root $1 of base-image a new Expo app at /blaxel/app: `npm run web` serves it on port 8081.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "Expo app and its dependencies"
inside sh -euc 'cd /blaxel && npx --yes create-expo@5.0.3 app --template expo-template-default@57.0.28 --yes > /dev/null 2>&1'
rm -rf "$root/blaxel/app/.git"

# Bundling all of it takes a small sandbox a minute.
step "its page bundled once"
export root
unshare --net --pid --fork --kill-child --mount-proc="$root/proc" sh -euc '
  . "$1"
  ip link set lo up
  inside BROWSER=none EXPO_NO_TELEMETRY=1 sh -eu < "$recipe/bundle.sh"' "$0" "$recipe/../common.sh"
cp -r "$root/tmp/metro-cache" "$root/var/tmp"
umount "$root/tmp"
mv "$root/var/tmp/metro-cache" "$root/tmp"
clean_up
