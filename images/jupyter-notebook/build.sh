#!/bin/sh
# Adds to the root $1 of jupyter-server the notebook for people, on the same port 8888.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "Jupyter Notebook"
install_packages jupyter-notebook
install -D -m 644 "$recipe/jupyter_notebook_config.py" "$root/etc/jupyter/jupyter_notebook_config.py"
install -D -m 755 "$recipe/entrypoint.sh" "$root/blaxel/entrypoint.sh"
clean_up
