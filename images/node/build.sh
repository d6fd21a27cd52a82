#!/bin/sh
# Adds to the root $1 of base-image what Node projects build with: other package managers, TypeScript, and a compiler for native
# modules.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "compiler for native modules"
install_packages g++ make pkg-config

step "pnpm, yarn, TypeScript"
inside npm install --global --silent pnpm@12.21.0 yarn@1.22.22 typescript@7.0.2 tsx@4.23.15
clean_up
