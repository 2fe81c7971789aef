#!/bin/sh
# Make .venv ready: an interpreter, the locked packages, this project, compiled bytecode.
#
#   scripts/setup.sh run    what `make run` needs
#   scripts/setup.sh dev    what every other target needs (a superset of run)
#
# Needs Python 3.11 or later and its package index, nothing else; set PYTHON to choose which.
# A second run compares one checksum and returns.
set -eu
cd "$(dirname "$0")/.."

kind=${1:?"say which: run or dev"}
venv=.venv
python=$venv/bin/python
locked=requirements/$kind.txt

say() { printf '%s\n' "$*" >&2; }

# The newest interpreter that really runs: a shim may stand on the path and start nothing.
choose() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        if "$candidate" -c "import sys, $1; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1
        then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

make_venv() {
    if found=$(choose 'venv, ensurepip'); then
        say "• virtual environment in $venv ($("$found" --version))"
        "$found" -m venv --clear "$venv"
    elif found=$(choose 'venv, pip'); then  # some systems ship Python without ensurepip
        say "• virtual environment in $venv ($("$found" --version), without its own pip)"
        "$found" -m venv --clear --without-pip "$venv"
    else
        say "No Python 3.11 or later with venv and pip was found${PYTHON:+ at PYTHON=$PYTHON}."
        say "Install one (3.11, 3.12 or 3.13), or name it: make PYTHON=/path/to/python3.13"
        exit 1
    fi
}

pip_install() {
    if "$python" -m pip --version >/dev/null 2>&1; then
        set -- "$python" -m pip install "$@"
    else
        set -- "$(choose pip)" -m pip --python "$python" install "$@"
    fi
    # Where pip would install to is decided here, not by what the shell happens to export.
    env -u PIP_USER -u PIP_TARGET -u PIP_PREFIX -u PIP_REQUIRE_VIRTUALENV \
        "$@" -qq --no-input --disable-pip-version-check --no-deps --no-compile
}

# compileall writes bytecode even where PYTHONDONTWRITEBYTECODE keeps imports from doing so.
# Packages ship a few files for other versions of Python; that those don't compile is no failure.
compile_all() {
    "$python" -m compileall -qq -j 0 "$@" >/dev/null 2>&1 ||
        "$python" -m compileall -qq "$@" >/dev/null 2>&1 || true
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || make_venv

stamp=$(cat pyproject.toml "$locked" | cksum)
full=$(cat pyproject.toml requirements/dev.txt | cksum)
installed=$(cat "$venv/.installed-$kind" 2>/dev/null || true)
everything=$(cat "$venv/.installed-dev" 2>/dev/null || true)
if [ "$installed" != "$stamp" ] && [ "$everything" != "$full" ]; then
    rm -f "$venv"/.installed-*  # an interrupted install must not look like a finished one
    say "• $(grep -c '==' "$locked") locked packages from $locked (once)"
    pip_install --require-hashes --requirement "$locked"
    say "• this project, editable"
    pip_install --no-build-isolation --editable .
    say "• bytecode"
    compile_all "$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    printf '%s' "$stamp" >"$venv/.installed-$kind"
fi
compile_all src
