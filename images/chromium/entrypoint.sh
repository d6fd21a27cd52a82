#!/bin/sh
# Starts Chromium, and what brings its DevTools protocol out, by the sandbox API, so that their output and state are seen there.
until curl -sf http://127.0.0.1:8080/health > /dev/null; do sleep 0.1; done
start() {
  curl -s http://127.0.0.1:8080/process -H "Content-Type: application/json" \
    -d '{"name":"'"$1"'","command":"'"$2"'","restartOnFailure":true,"maxRestarts":25}'
}
quiet="--disable-background-networking --disable-component-update"
start chromium "chromium --headless $quiet --remote-debugging-port=9222 --user-data-dir=/root/.config/chromium-devtools about:blank"
start devtools "nginx -g 'daemon off;'"
