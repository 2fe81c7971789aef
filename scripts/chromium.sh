#!/bin/sh
# Print the path of a Chromium that runs; install one where that is possible.
#
# Tried in order: $TALLYSTICK_CHROMIUM, what is on the path, the system's packages (as root or
# with a sudo that asks nothing), Playwright's own download.
set -u
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

find_one() {
    for candidate in ${TALLYSTICK_CHROMIUM:-chromium chromium-browser google-chrome \
        google-chrome-stable chrome}; do
        found=$(command -v "$candidate") || continue
        if "$found" --version >/dev/null 2>&1; then
            echo "$found"
            return 0
        fi
    done
    return 1
}

from_system() {
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" = 0 ]; then as=''; elif sudo -n true 2>/dev/null; then as='sudo -n'; else return 1; fi
    say "• installing the system's chromium"
    { $as apt-get -qq update && $as apt-get -qq install --yes --no-install-recommends chromium; } \
        >/dev/null 2>&1
}

from_playwright() {
    say "• downloading Playwright's chromium"
    timeout 300 .venv/bin/python -m playwright install chromium >/dev/null 2>&1 || return 1
    path=$(.venv/bin/python -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as browsers:
    print(browsers.chromium.executable_path)
') && "$path" --version >/dev/null 2>&1 && echo "$path"
}

find_one && exit 0
if [ -z "${TALLYSTICK_CHROMIUM:-}" ]; then
    from_system && find_one && exit 0
    from_playwright && exit 0
fi
say "No Chromium that runs was found, and none could be installed."
say "Install one (Debian, Ubuntu: apt-get install chromium) or name it: TALLYSTICK_CHROMIUM=/path"
exit 1
