#!/bin/sh
# Make .venv with a suitable Python, install exactly what requirements.lock says, then the project itself (editable).
# Called by `make setup`; needs a POSIX shell and, somewhere on the machine, Python >= 3.12 or uv.
set -eu
cd "$(dirname "$0")/.."

# A candidate counts only if it runs: a pyenv shim may exist for a version that is not selected, and Debian ships
# python3 without ensurepip.
suitable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-} python3.12 python3.13 python3.14 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9].*/bin/python \
        "$HOME"/.local/bin/python3.1[2-9] /opt/homebrew/bin/python3.1[2-9] /usr/local/bin/python3.1[2-9]; do
        if suitable "$candidate"; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

make_environment() {
    if python=$(find_python); then
        echo "setup: creating .venv with $("$python" --version) ($python)"
        "$python" -m venv --clear .venv
    elif command -v uv >/dev/null 2>&1; then
        echo "setup: no Python >= 3.12 found; asking uv for one"
        uv venv --clear --seed --python '>=3.12' .venv
    else
        cat >&2 <<'EOF'
setup: no Python >= 3.12 with venv was found (looked on PATH, among pyenv's versions, and for uv).
Install one of these, then run the same command again:
  Debian, Ubuntu   apt install python3.12 python3.12-venv   (or python3 python3-venv, where python3 is 3.12 or newer)
  macOS            brew install python@3.12
  pyenv            pyenv install 3.12
  uv               see uv's manual; it brings its own Python
Or name one: make setup PYTHON=/path/to/python3
EOF
        exit 1
    fi
}

pip_install() {
    # -qq: what is already there is no news; errors still show.
    .venv/bin/python -m pip install -qq --disable-pip-version-check "$@"
}

suitable .venv/bin/python || make_environment
.venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null # uv's environments lack pip
echo "setup: installing what requirements.lock lists (about a minute the first time)"
pip_install --require-hashes --requirement requirements.lock
pip_install --no-deps --no-build-isolation --editable .
