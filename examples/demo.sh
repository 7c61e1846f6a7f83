#!/usr/bin/env bash
# The main job on a real data set, as a newcomer would do it. `make demo` puts the built command on the PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
model=$work/faithful.safetensors

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() {
    printf '$ %s\n' "${*//$work\//}"
    "$@"
}

echo "272 eruptions of the geyser Old Faithful: duration and wait, in minutes (Azzalini & Bowman 1990)."
head -n 3 examples/faithful.csv

say "1. Fit a mixture of two Gaussians, straight from the file"
run gaussmix fit examples/faithful.csv -k 2 -o "$model"

say "2. What is in the model file"
run gaussmix info "$model"

say "3. Which component does each eruption belong to?"
run gaussmix predict "$model" examples/faithful.csv -o "$work/labels.csv"
head -n 6 "$work/labels.csv"

say "4. How well does the model describe the data?"
run gaussmix score "$model" examples/faithful.csv

say "5. Draw eruptions that never happened"
run gaussmix sample "$model" -n 5

say "6. The same in Python, beside scikit-learn"
python examples/compare.py
