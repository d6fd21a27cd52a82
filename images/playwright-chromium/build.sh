#!/bin/sh
# Adds to the root $1 of chromium a Playwright server on port 3000 that clients connect to:
# `chromium.connect("wss://<preview>/?bl_preview_token=…")`, with the same version of Playwright.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "Playwright"
mkdir -p "$root/blaxel/app"
cp "$recipe/server.mjs" "$recipe/package.json" "$root/blaxel/app"
inside npm install --prefix /blaxel/app --silent --no-audit --no-fund
install -D -m 755 "$recipe/entrypoint.sh" "$root/blaxel/entrypoint.sh"
chown -R 0:0 "$root/blaxel"
clean_up
