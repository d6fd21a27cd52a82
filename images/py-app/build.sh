#!/bin/sh
# Adds to the root $1 of base-image Python with pip, and a small FastAPI server at /blaxel/app.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "Python, pip, FastAPI"
install_packages python3-pip python3-venv python3-fastapi python3-uvicorn python3-requests python-is-python3
# A sandbox is its user's own: `pip install` works without a virtual environment, as in the images Python users know.
rm -f "$root"/usr/lib/python3.*/EXTERNALLY-MANAGED

mkdir -p "$root/blaxel/app"
cp "$recipe/main.py" "$root/blaxel/app/main.py"
clean_up
