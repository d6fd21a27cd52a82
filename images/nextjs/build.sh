#!/bin/sh
# Adds to the root $1 of base-image a new Next.js app at /blaxel/app that is ready for
# `npm run dev`.
set -eu
root=$1
create_next_app_version=16.4.3
# What create-next-app leaves open is as it was on this day.
packages_before=2026-11-15

. "$(dirname "$0")/../common.sh"

# An answer that is lost on the way is asked for again soon: npm itself would wait five minutes.
export npm_config_fetch_timeout=30000 npm_config_fetch_retries=5

step "Next.js $create_next_app_version and its dependencies"
NEXT_TELEMETRY_DISABLED=1 npm_config_before=$packages_before npm_config_loglevel=error \
  npx --yes "create-next-app@$create_next_app_version" "$root/blaxel/app" \
  --typescript --eslint --tailwind --src-dir --app --import-alias "@/*" --use-npm --disable-git --yes > /dev/null

# Its development server answers pages of its own host only, which it cannot know: the preview decides who may see it.
config="$root/blaxel/app/next.config.ts"
sed -i 's|^ *cacheComponents: true,|  allowedDevOrigins: ["**.*"],\n&|' "$config"
grep -q allowedDevOrigins "$config" || { echo "nextjs: next.config.ts is not as expected" >&2; exit 1; }

chown -R 0:0 "$root/blaxel/app"
rm -rf "$root/blaxel/app/.next"
