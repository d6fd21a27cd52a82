#!/bin/sh
# Brings a fresh Debian 12 machine (root, Node and npm) to where everything else runs: OS packages, npm packages, and the
# sandbox-api executable. Each step is skipped when nothing changed. --test and --bench add what those need, --executable the one
# file that has everything.
set -eu
cd "$(dirname "$0")/.."

step() { printf 'setup: %s\n' "$1"; }

packages="buildah ca-certificates catatonit crun e2fsprogs iproute2 libnss-myhostname mmdebstrap mount nftables passwd procps skopeo util-linux zstd"
with_executable=
for option in "$@"; do
  case $option in
    --test) packages="$packages busybox-static caddy chromium curl docker-registry fonts-dejavu-core gcc jq libc6-dev make musl musl-tools openssl postgresql tmux unzip zip" ;;
    --bench) packages="$packages caddy curl nginx-light podman wrk" ;;
    --executable) with_executable=yes ;;
    *) echo "setup: unknown option $option" >&2; exit 2 ;;
  esac
done

# shellcheck disable=SC2086
installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package} ' $packages 2> /dev/null || true)"
missing=
for package in $packages; do
  case $installed in *"ii $package "*) ;; *) missing="$missing $package" ;; esac
done
if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] || { echo "setup: run it as root once, to install:$missing" >&2; exit 1; }
  step "installing$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # Services that come with a package stay off: we only use the programs.
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $missing > /dev/null || { rm -f /usr/sbin/policy-rc.d; exit 1; }
  rm -f /usr/sbin/policy-rc.d
fi

if ! cmp -s package-lock.json node_modules/.dormouse-lock; then
  step "npm packages"
  # Not `npm ci`: it refuses a lock file without the platform packages that only other machines need.
  npm install --no-save --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.dormouse-lock
fi

# True when there is no file $1, or a source below the folders that follow is newer.
is_stale() {
  target=$1 && shift
  [ ! -e "$target" ] || [ -n "$(find "$@" -regex '.*\.\(ts\|mjs\|js\|css\|template\|sh\|py\|json\)' ! -name '*.test.ts' -newer "$target" | head -n 1)" ]
}

# Makes the executable $1 of the modules and files that follow: split, so that what is imported on first use costs nothing at the start.
compile() {
  target=$1 && shift
  mkdir -p dist
  node_modules/.bin/bun build --compile --minify --bytecode --splitting --format=esm \
    --no-compile-autoload-dotenv --no-compile-autoload-bunfig "$@" --outfile "$target.new" > /dev/null
  mv "$target.new" "$target"
}

if is_stale dist/sandbox-api packages/kernel packages/schema packages/sandbox-api apps/sandbox-api; then
  step "building the sandbox-api executable"
  compile dist/sandbox-api apps/sandbox-api/src/main.ts
fi

if is_stale dist/bl packages/kernel packages/schema packages/sdk packages/cli apps/dormouse/src/bl.ts apps/dormouse/src/client-io.ts; then
  step "building the bl executable"
  # Works by itself, also where there is neither Bun nor this folder.
  compile dist/bl apps/dormouse/src/bl.ts
fi

# One bundle instead of hundreds of sources: each process then starts sooner and keeps 6 MB less in memory.
if is_stale dist/apps/dormouse/main.js packages apps; then
  step "building the server and the engine"
  rm -rf dist/apps/dormouse.new
  node_modules/.bin/bun build --target=bun --minify-syntax --minify-whitespace --splitting --sourcemap=linked apps/dormouse/src/main.ts --outdir dist/apps/dormouse.new > /dev/null
  rm -rf dist/apps/dormouse && mkdir -p dist/apps && mv dist/apps/dormouse.new dist/apps/dormouse
fi

if [ -n "$with_executable" ] && is_stale dist/dormouse packages apps images; then
  step "building the executable that has everything"
  # What must be files when it runs.
  tar --create --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX dist/sandbox-api images |
    zstd --quiet --force -o dist/installation.tzst
  compile dist/dormouse apps/dormouse/src/executable.ts dist/installation.tzst
  rm dist/installation.tzst
fi
