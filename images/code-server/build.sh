#!/bin/sh
# Adds code-server, VS Code in the browser, to the root $1 of nextjs, which has the app in /blaxel/app: the tools, programs and
# entrypoint of the tutorial "code-server in a sandbox".
set -eu
root=$1
code_server=4.139.1
. "$(dirname "$0")/../common.sh"
show_system

step "Debian packages"
compiler="g++ make libsqlite3-dev"
# shellcheck disable=SC2086
install_packages wget jq sed grep nano vim sudo zip tree bash curl procps git python3 unzip ca-certificates $compiler

step "TypeScript and webpack"
inside npm install --global --silent typescript@5.9.3 ts-node@10.9.2 @types/node@24 dotenv@18.0.10 webpack@5.112.2 webpack-cli@7.3.1

step "code-server $code_server"
inside npm install --global --silent --ignore-scripts "code-server@$code_server"
code=/usr/local/lib/node_modules/code-server/lib/vscode
# Without its install script, which would also compile modules that only desktops need.
inside npm install --prefix "$code" --silent --omit=dev --ignore-scripts
inside npm install --prefix "$code/extensions" --silent --omit=dev --ignore-scripts

step "its modules that do not come compiled: for logs, the ends of processes, and agents' sessions"
case $(uname -m) in aarch64) arch=arm64 ;; *) arch=x64 ;; esac
headers=node-linux-$arch@$(inside node -p process.versions.node)
inside sh -euc 'cd /tmp && tar -xzf "$(npm pack --silent "$1" | tail -n 1)" package/include' sh "$headers"
# With Debian's SQLite, which python3 brings: its own would take longer than everything else here.
inside env GYP_DEFINES=sqlite=/usr npm rebuild --prefix "$code" --silent --nodedir=/tmp/package \
  @vscode/spdlog @vscode/native-watchdog @vscode/sqlite3 > /dev/null

# shellcheck disable=SC2086
inside apt-get purge -y -qq --auto-remove $compiler > /dev/null 2>&1
clean_up
install -D -m 755 "$recipe/entrypoint.sh" "$root/home/user/entrypoint.sh"
