#!/usr/bin/env bash
# Runs cells in nbclassic, qtconsole and euporie; needs what `inorm lab --prepare` sets up, and, of
# Debian, chromium, libegl1 and libgl1. Arguments are unittest's: `tests/front_ends.sh QtConsole`
# runs one of them. Pictures of what was seen are in the target directory's tmp/front-ends.
#
# Their programs are in an environment of their own in the cache directory: euporie wants older
# libraries than JupyterLab.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=${INORM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/inorm}/front-ends
requirements=python/requirements-front-ends.txt
if ! cmp --silent "$requirements" "$environment/installed.txt"; then
    python3 -m venv --clear "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$environment/installed.txt"
fi
JUPYTER_PATH=$PWD/.venv/share/jupyter exec "$environment/bin/python" crates/lab/tests/front_ends.py \
    "$PWD" "${CARGO_TARGET_DIR:-target}/tmp/front-ends" "$@"
