#!/bin/sh
# Adds to the root $1 of base-image a small Astro site at /blaxel/app: `npm run dev` serves it on port 4321. It is our own:
# create-astro would fetch its template from a place that is no package registry.
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
