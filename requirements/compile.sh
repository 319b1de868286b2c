#!/usr/bin/env bash
# Compile the lock files: one resolution for all groups, so that they share versions; hashes, no index address.
set -euo pipefail
cd "$(dirname "$0")/.."
all=$(mktemp)
compile() { uv pip compile --quiet --no-emit-index-url --no-annotate --no-header "$@" > /dev/null; }
universal=(--universal --python-version 3.11)
compile "${universal[@]}" requirements/{demo,authoring,sam,test}.in layers/muster/requirements.in -o "$all"
for group in demo authoring sam test; do
    compile "${universal[@]}" --generate-hashes -c "$all" "requirements/$group.in" -o "requirements/$group.lock"
done
compile "${universal[@]}" --generate-hashes requirements/checkov.in -o requirements/checkov.lock
compile "${universal[@]}" --generate-hashes requirements/node.in -o requirements/node.lock
compile "${universal[@]}" --generate-hashes requirements/bench.in -o requirements/bench.lock
compile --python-version 3.12 --python-platform x86_64-manylinux_2_28 --generate-hashes -c "$all" layers/muster/requirements.in -o layers/muster/requirements.txt
compile --python-version 3.12 --python-platform x86_64-manylinux_2_28 --generate-hashes -c "$all" layers/numerics/requirements.in -o layers/numerics/requirements.txt
rm -f "$all"
