#!/bin/sh
# Adds to the root $1 of base-image a new Expo app at /blaxel/app: `npm run web` serves it on port 8081.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "Expo app and its dependencies"
inside sh -euc 'cd /blaxel && npx --yes create-expo@5.0.3 app --template expo-template-default@57.0.28 --yes > /dev/null 2>&1'
rm -rf "$root/blaxel/app/.git"
clean_up
