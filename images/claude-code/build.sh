#!/bin/sh
# Adds to the root $1 of base-image Claude Code, as `claude`. Root inside is nobody outside: IS_SANDBOX lets it work unasked as root.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "ripgrep"
install_packages ripgrep
step "Claude Code"
inside npm install --global --silent @anthropic-ai/claude-code@2.1.332
clean_up
