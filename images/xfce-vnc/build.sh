#!/bin/sh
# Adds to the root $1 of chromium an Xfce desktop with its browser, shown in a browser on port 6901, and the tools by which programs
# use it: xdotool and scrot.
set -eu
root=$1
. "$(dirname "$0")/../common.sh"
show_system

step "Xfce, VNC, noVNC"
install_packages xfce4-session xfce4-panel xfce4-settings xfce4-terminal xfwm4 xfdesktop4 thunar dbus-bin dbus-daemon \
  adwaita-icon-theme tigervnc-standalone-server novnc websockify xdotool scrot
cp "$recipe/index.html" "$root/usr/share/novnc/index.html"
install -D -m 755 "$recipe/entrypoint.sh" "$root/blaxel/entrypoint.sh"
clean_up
