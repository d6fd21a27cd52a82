# Runs in the image: asks the development server once for its page and the script in it, which leaves them in Metro's cache.
cd /blaxel/app
npm run web -- --offline > /tmp/web.log 2>&1 &
fetch() { curl -sf --retry 60 --retry-connrefused --retry-delay 1 --max-time 600 -o "$1" "http://localhost:8081$2"; }
fetch /tmp/page /
fetch /dev/null "$(grep -o '/node_modules/expo-router/entry.bundle[^"]*' /tmp/page | sed 's/&amp;/\&/g')"
