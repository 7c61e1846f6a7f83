#!/usr/bin/env bash
# The main job on a real data set, as a newcomer would do it. `make demo` puts the built command on the PATH.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$root/examples" "$work/examples"
cd "$work" # so that what is printed can be typed as it is

bold='' plain=''
[ -t 1 ] && bold=$'\e[1m' plain=$'\e[0m'
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
run() {
    printf '$ %s\n' "$*"
    "$@"
}

echo "272 eruptions of the geyser Old Faithful: duration and wait, in minutes (Azzalini & Bowman 1990)."
run head -n 3 examples/faithful.csv

say "1. Fit a mixture of two Gaussians, straight from the file"
run gaussmix fit examples/faithful.csv -k 2 -o faithful.safetensors

say "2. What is in the model file"
run gaussmix info faithful.safetensors

say "3. Which component does each eruption belong to?"
run gaussmix predict faithful.safetensors examples/faithful.csv -o labels.csv
run head -n 5 labels.csv

say "4. How well does the model describe the data?"
run gaussmix score faithful.safetensors examples/faithful.csv

say "5. Draw eruptions that never happened"
run gaussmix sample faithful.safetensors -n 5

say "6. How many components, and which covariances?"
run gaussmix select examples/faithful.csv -k 1:4 --effort low --top 5 -o best.safetensors

say "7. The same in Python, beside scikit-learn"
run python examples/compare.py
