#!/bin/sh
# ./bf ARGS: make .venv from the hash-locked requirements when it is missing or stale, then hand ARGS to doit,
# through the door that knows the answer where nothing changed (bfbuild/commands/door.py).
set -eu
cd "$(dirname "$0")"
export LC_ALL=C.UTF-8 # under another locale Python may not find an environment whose path holds more than ASCII
locks=
while read -r word; do case "$word" in "[remote]"*) locks=requirements-remote.lock ;; esac done <bareflow.toml
case "${1-} $*" in
test\ * | gate\ *) locks=requirements-test.lock ;;
release*' --sigstore'* | verify*' --identity'*) locks="$locks requirements-sigstore.lock" ;;
release\ * | key\ *) locks="$locks requirements-release.lock" ;;
esac
place=.venv/bareflow-place # its programs know where they lie, so a checkout that was moved or copied needs another
if IFS= read -r made <"$place" && [ "$made" != "$(pwd -P)" ]; then rm -rf .venv; fi 2>/dev/null
for lock in ${locks:-requirements.lock}; do
    stamp=.venv/bareflow-$lock
    cat "$lock" pyproject.toml | cmp -s - "$stamp" 2>/dev/null && continue
    for python in "${PYTHON-}" python3 python3.14 python3.13 python3.12 python3.11; do
        [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
        python=
    done
    [ -n "$python" ] || { echo "error: BareFlow needs Python 3.11 or newer with venv and pip" >&2; exit 2; }
    echo "bf: setting up .venv from $lock" >&2
    [ -x .venv/bin/python ] || "$python" -m venv .venv || { rm -rf .venv; exit 2; }
    .venv/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --no-deps -r "$lock"
    .venv/bin/python -m pip --quiet --disable-pip-version-check install --no-build-isolation --no-deps -e .
    pwd -P >"$place"
    cat "$lock" pyproject.toml >"$stamp"
done
exec .venv/bin/python -S bfbuild/commands/door.py "$@"
