#!/bin/sh
# Starts the desktop by the sandbox API, so that its output and state are seen there. Who may see it is decided by its preview.
until curl -sf http://127.0.0.1:8080/health > /dev/null; do sleep 0.1; done
start() {
  curl -s http://127.0.0.1:8080/process -H "Content-Type: application/json" \
    -d '{"name":"'"$1"'","command":"'"$2"'","restartOnFailure":true,"maxRestarts":25}'
}
start vnc "Xvnc $DISPLAY -rfbport 5901 -localhost -SecurityTypes None -AlwaysShared -geometry 1280x800 -depth 24 -desktop Desktop"
until [ -S "/tmp/.X11-unix/X${DISPLAY#:}" ]; do sleep 0.1; done
start desktop "dbus-run-session -- xfce4-session"
start novnc "websockify --web /usr/share/novnc 6901 127.0.0.1:5901"
