#!/bin/sh
# Makes .venv with exactly what requirements-dev.lock names. Does nothing where that is done already.
# Where packages come from is the machine's business (pip's own configuration); what they are is the lock's.
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
# A broken or half-made .venv is made anew; a whole one is brought to the lock.
.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || "$python" -m venv --clear .venv
rm -f "$stamp"
.venv/bin/python -m tools.packages "$lock"
fingerprint >"$stamp"
