#!/usr/bin/env bash
# Test accuracy on Fashion-MNIST, plain and disguised, through the program as a user runs it.
#
#   [CNN_EPOCHS=6] [MLP_EPOCHS=12] scripts/accuracy.sh FOLDER [TRAIN [TEST]]
#
# FOLDER holds the four IDX files. TRAIN and TEST limit the images to the first ones (default: all).
# Prints a Markdown table: network, images, test accuracy with its 95% interval, epochs, seconds of
# training. The network's defaults hold but for the front of the cnn.
set -euo pipefail
sets=$(realpath "$1")
train=${2:-1000000000}
test=${3:-1000000000}
cd "$(dirname "$0")/.."
cargo build --release --quiet
visard=$PWD/target/release/visard
bench=$(mktemp -d)
trap 'rm -rf "$bench"' EXIT

disguise() { # name, scheme, settings
    "$visard" -q keygen --scheme "$2" --shape 28x28x1 $3 --insecure-plaintext-key -o "$bench/$1.key" > "$bench/log"
    "$visard" -q apply -k "$bench/$1.key" "$sets" "$bench/$1" >> "$bench/log"
}

disguise "RMT b=4 N=0" rmt ""
disguise "RMT b=4 N=25" rmt "--set noise=25"
disguise "AES b=4 one cipher" aes "--set per_position=false"
ln -s "$sets" "$bench/plain"

field() { grep -o "\"$1\":[^,}]*" | head -n 1 | cut -d: -f2; }

echo "| network | images | test accuracy | 95% interval | epochs | seconds of training |"
echo "| --- | --- | --- | --- | --- | --- |"
row() { # network, front, data
    local model="$bench/$1 $2 $3" epochs=${CNN_EPOCHS:-6}
    [ "$1" = mlp ] && epochs=${MLP_EPOCHS:-12}
    "$visard" -q train "$bench/$3" --network "$1" --front "$2" --epochs "$epochs" \
        --limit "$train" --val-limit 2 -o "$model" --json > "$bench/log"
    local seconds result
    seconds=$(grep -o '"seconds":[0-9.]*' "$bench/log" | cut -d: -f2 | awk '{s += $1} END {printf "%.0f", s}')
    result=$("$visard" -q eval -m "$model" "$bench/$3" --limit "$test" --json)
    echo "$(echo "$result" | field accuracy) $(echo "$result" | grep -o '"interval":\[[^]]*' | cut -d[ -f2)" |
        awk -F'[ ,]' -v n="$1, front $2" -v d="$3" -v e="$epochs" -v s="$seconds" \
            '{printf "| %s | %s | %.2f %% | %.2f to %.2f | %d | %d |\n", n, d, 100 * $1, 100 * $2, 100 * $3, e, s}'
}

row cnn none plain
for setup in "cnn block" "mlp none"; do
    for data in plain "RMT b=4 N=0" "RMT b=4 N=25" "AES b=4 one cipher"; do
        row "${setup% *}" "${setup#* }" "$data"
    done
done
