#!/bin/sh
# Adds to the root $1 of base-image OpenAI's Codex, as `codex`.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "ripgrep"
install_packages ripgrep
step "Codex"
inside npm install --global --silent @openai/codex@0.171.0
install -D -m 644 "$recipe/config.toml" "$root/etc/codex/config.toml"
clean_up
