#!/bin/sh
# Adds to the root $1 of node a small TypeScript server at /blaxel/app: `npm run dev` serves it on $PORT, 3000 by default, and
# again after each change.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

mkdir -p "$root/blaxel/app"
cp -r "$recipe/app/." "$root/blaxel/app"
step "its dependencies"
inside npm install --prefix /blaxel/app --silent --no-audit --no-fund
chown -R 0:0 "$root/blaxel/app"
clean_up
