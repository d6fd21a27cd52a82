#!/bin/sh
# Adds to the root $1 of base-image a Jupyter Server with a Python kernel and the usual packages for data. It serves on port 8888
# without a password: its preview decides who may use it.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "Jupyter Server and its Python kernel"
install_packages jupyter-server jupyter-core jupyter-client python3-ipykernel python3-pip python3-numpy python3-pandas python3-matplotlib
rm -f "$root"/usr/lib/python3.*/EXTERNALLY-MANAGED
install -D -m 644 "$recipe/jupyter_server_config.py" "$root/etc/jupyter/jupyter_server_config.py"
install -D -m 755 "$recipe/entrypoint.sh" "$root/blaxel/entrypoint.sh"
mkdir -p "$root/blaxel/app"
clean_up
