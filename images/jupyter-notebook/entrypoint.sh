#!/bin/sh
# Starts Jupyter Notebook by the sandbox API, so that its output and state are seen there.
until curl -sf http://127.0.0.1:8080/health > /dev/null; do sleep 0.1; done
curl -s http://127.0.0.1:8080/process -H "Content-Type: application/json" \
  -d '{"name":"jupyter-notebook","command":"jupyter-notebook","workingDir":"/blaxel/app","restartOnFailure":true,"maxRestarts":25}'
