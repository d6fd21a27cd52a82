#!/bin/sh
# Adds to the root $1 of base-image a new Vite app with React and TypeScript at /blaxel/app: `npm run dev` serves it on port 5173.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "Vite app"
inside sh -euc 'cd /blaxel && npx --yes create-vite@9.3.0 app --template react-ts --no-interactive > /dev/null'
step "its dependencies"
inside npm install --prefix /blaxel/app --silent --no-audit --no-fund
cp "$recipe/vite.config.ts" "$root/blaxel/app/vite.config.ts"
clean_up
