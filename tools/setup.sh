#!/bin/sh
# Creates .venv with exactly the packages of requirements-dev.lock. Does nothing if that is already done.
# The machine decides where packages come from (pip's own configuration), the lock which ones.
set -eu
cd "$(dirname "$0")/.."

lock=requirements-dev.lock
stamp=.venv/.installed

fingerprint() { cksum <"$lock"; }

new_enough() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "error: Pegline needs Python 3.11 or newer with venv and pip; found: $(python3 --version 2>&1 || true)." >&2
    echo "       Install one (Debian: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3" >&2
    exit 1
}

if [ "$(cat "$stamp" 2>/dev/null)" = "$(fingerprint)" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

python=$(find_python)
echo "Setting up (the first time, and when $lock has changed):"
echo "  Python: $("$python" --version 2>&1), in .venv"
# A broken or incomplete .venv is created again; a complete one is updated to the lock.
.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || "$python" -m venv --clear .venv
rm -f "$stamp"
.venv/bin/python -m tools.packages "$lock"
fingerprint >"$stamp"
