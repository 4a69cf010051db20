#!/usr/bin/env bash
# What augmentation before disguising brings: RMT on Fashion-MNIST, copies of the training images against epochs.
#
#   scripts/augmentation.sh FOLDER [TRAIN [TEST]]
#
# FOLDER holds the four .gz IDX files; TRAIN and TEST are numbers of images (default 3000 and 2000). The same number
# of training images is seen in each pair of rows. Prints a Markdown table.
set -euo pipefail
sets=$(realpath "$1")
train=${2:-3000}
test=${3:-2000}
cd "$(dirname "$0")/.."
visard=${VISARD:-$PWD/target/release/visard}
bench=$(mktemp -d)
trap 'rm -rf "$bench"' EXIT

mkdir "$bench/plain"
python3 - "$sets" "$bench/plain" "$train" "$test" <<'PYTHON'
import gzip, pathlib, struct, sys
source, target, counts = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), map(int, sys.argv[3:])
for split, count in zip(("train", "t10k"), counts):
    for kind, size in (("images-idx3-ubyte", 784), ("labels-idx1-ubyte", 1)):
        data = gzip.decompress((source / f"{split}-{kind}.gz").read_bytes())
        start = 16 if size > 1 else 8
        head = data[:4] + struct.pack(">I", count) + data[8:start]
        (target / f"{split}-{kind}").write_bytes(head + data[start:start + count * size])
PYTHON

"$visard" -q keygen --scheme rmt --shape 28x28x1 --insecure-plaintext-key -o "$bench/key" > "$bench/log"
for copies in 6 18; do
    "$visard" -q apply -k "$bench/key" "$bench/plain" "$bench/rmt-$copies" --copies "$copies" \
        --augment shift=1 --augment flip >> "$bench/log"
done
"$visard" -q apply -k "$bench/key" "$bench/plain" "$bench/rmt-1" >> "$bench/log"

echo "| images | seen | test accuracy | 95% interval |"
echo "| --- | --- | --- | --- |"
row() { # title, data, epochs, more options
    local title=$1 data=$2 epochs=$3
    shift 3
    "$visard" -q train "$bench/$data" --epochs "$epochs" --val-limit 2 -o "$bench/model" --json "$@" > "$bench/log"
    "$visard" -q eval -m "$bench/model" "$bench/$data" --json > "$bench/result"
    rm -f "$bench"/model*
    python3 - "$title" "$bench/result" <<'PYTHON'
import json, sys
figures = json.loads(open(sys.argv[2]).readline())["evaluation"]
low, high = figures["interval"]
print(f"| {sys.argv[1]} | {100 * figures['accuracy']:.2f} % | {100 * low:.2f} to {100 * high:.2f} |")
PYTHON
}
row "plain | 6 epochs" plain 6
row "plain, shifted and mirrored while training | 6 epochs" plain 6 --augment flip,shift=1
row "RMT | 6 epochs" rmt-1 6
row "RMT, 6 copies shifted and mirrored before | 1 epoch of 6 copies" rmt-6 1
row "plain | 18 epochs" plain 18
row "plain, shifted and mirrored while training | 18 epochs" plain 18 --augment flip,shift=1
row "RMT | 18 epochs" rmt-1 18
row "RMT, 18 copies shifted and mirrored before | 1 epoch of 18 copies" rmt-18 1
