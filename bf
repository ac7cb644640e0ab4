#!/bin/sh
# ./bf ARGS: make .venv from the hash-locked requirements when it is missing or stale, then hand ARGS to doit,
# through the door that knows the answer where nothing changed (bfbuild/commands/door.py).
set -eu
cd "$(dirname "$0")"
lock=requirements.lock
case "${1-}" in test | gate) lock=requirements-test.lock ;; esac
stamp=.venv/bareflow-$lock
if ! cat "$lock" pyproject.toml | cmp -s - "$stamp" 2>/dev/null; then
    for python in "${PYTHON-}" python3 python3.14 python3.13 python3.12 python3.11; do
        [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
        python=
    done
    [ -n "$python" ] || { echo "error: BareFlow needs Python 3.11 or newer with venv and pip" >&2; exit 2; }
    echo "bf: setting up .venv from $lock" >&2
    [ -x .venv/bin/python ] || "$python" -m venv .venv || { rm -rf .venv; exit 2; }
    .venv/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --no-deps -r "$lock"
    .venv/bin/python -m pip --quiet --disable-pip-version-check install --no-build-isolation --no-deps -e .
    cat "$lock" pyproject.toml >"$stamp"
fi
exec .venv/bin/python -S bfbuild/commands/door.py "$@"
