#!/usr/bin/env bash
# Test accuracy on Fashion-MNIST, plain and disguised, through the program as a user runs it.
#
#   scripts/accuracy.sh FOLDER [TRAIN [TEST]]
#
# FOLDER holds the four IDX files. TRAIN and TEST limit the images to the first ones (default: all).
# Prints a Markdown table: network, images, test accuracy with its 95% interval, seconds of training.
# NETWORKS chooses the networks, CNN and MLP give their parameters, for instance CNN="front=block".
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
for network in ${NETWORKS:-cnn mlp}; do
    case $network in
        cnn) settings=${CNN:-front=block} ;;
        *) settings=${MLP:-} ;;
    esac
    for data in plain "RMT b=4 N=0" "RMT b=4 N=25" "AES b=4 one cipher"; do
        model="$bench/$network $data"
        "$visard" -q train "$bench/$data" --network "$network" ${settings:+--set "$settings"} \
            --limit "$train" --val-limit 2 -o "$model" --json > "$bench/log"
        epochs=$(grep -o '"epoch":' "$bench/log" | wc -l)
        seconds=$(grep -o '"seconds":[0-9.]*' "$bench/log" | cut -d: -f2 | awk '{s += $1} END {printf "%.0f", s}')
        result=$("$visard" -q eval -m "$model" "$bench/$data" --limit "$test" --json)
        accuracy=$(echo "$result" | field accuracy)
        interval=$(echo "$result" | grep -o '"interval":\[[^]]*' | cut -d[ -f2)
        echo "$accuracy $interval" | awk -F'[ ,]' -v n="$network${settings:+ ($settings)}" -v d="$data" -v e="$epochs" -v s="$seconds" \
            '{printf "| %s | %s | %.2f %% | %.2f to %.2f | %d | %d |\n", n, d, 100 * $1, 100 * $2, 100 * $3, e, s}'
    done
done
