#!/bin/sh
# Adds to the root $1 of base-image Chromium, whose DevTools protocol is served on port 8081: `chromium.connectOverCDP` by its preview.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "Chromium and fonts"
install_packages chromium fonts-dejavu-core fonts-noto-color-emoji nginx-light
install -D -m 644 "$recipe/chromium-flags" "$root/etc/chromium.d/sandbox"
install -D -m 644 "$recipe/policies.json" "$root/etc/chromium/policies/managed/sandbox.json"
install -D -m 644 "$recipe/nginx.conf" "$root/etc/nginx/nginx.conf"
install -D -m 755 "$recipe/entrypoint.sh" "$root/blaxel/entrypoint.sh"
clean_up
