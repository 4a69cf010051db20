#!/usr/bin/env bash
# Trains on a GPU, by PyTorch and by visard, on a machine that needs no internet; see --help.
set -euo pipefail

usage() {
    cat << 'END'
Usage: scripts/gpu-study.sh [OPTIONS]

Trains on a GPU and writes JSON records (one object a line) into a folder:

  machine.json  processor, GPU, driver, versions
  torch.jsonl   examples/pytorch/train.py on plain and on disguised images and scripts/torch-bench.py,
                both on CUDA, where python3 with PyTorch is there
  visard.jsonl  `visard train --device gpu`, where the program was built with the feature gpu and a Vulkan
                loader and driver are there, and --device cpu to compare; on disguised images with the
                front that visard recommends, so that only plain images compare with torch.jsonl
  *.log         what the programs said; prepare.jsonl, if there is one, what could not be disguised

What cannot be run leaves a record that says why, and the script goes on. Take along the repository's
examples/, scripts/ and data/ and a program built with `cargo build --release --features gpu`.

Options:
  --visard PROGRAM   program [default: target/release/visard]
  --data FOLDER      IDX files, plain or .gz, 28x28x1 [default: data/fashion-mnist-12k]
  --cifar FOLDER     also CIFAR-10 binary files, 32x32x3
  --networks "A B"   networks of visard's to train [default: "cnn resnet18"]
  --epochs N         epochs of each training; the speed is that of the last [default: 2]
  --limit N          training images of each training [default: 10000]
  --cpu-limit N      training images with --device cpu, 0 for none [default: 1000]
  --seconds N        seconds of each of torch-bench.py's repeats [default: 5]
  --patience N       seconds after which one training is stopped [default: 240]
  --only PART        torch or visard
  -h, --help         this

Environment: OUT, folder of the records [default: ./gpu-records]; PYTHON [default: python3]. A Vulkan loader
that is taken along is found by LD_LIBRARY_PATH, a driver's file elsewhere by VK_DRIVER_FILES.
Exit code 1 if something that could be run failed.
END
}

root=$(cd "$(dirname "$0")/.." && pwd)
visard=$root/target/release/visard data=$root/data/fashion-mnist-12k cifar=""
networks="cnn resnet18" epochs=2 limit=10000 cpu_limit=1000 seconds=5 patience=240 only=""
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --visard | --data | --cifar | --networks | --epochs | --limit | --cpu-limit | --seconds | --patience | --only)
            if [ $# -lt 2 ]; then
                echo "gpu-study: $1 needs a value" >&2
                exit 2
            fi
            name=${1#--}
            printf -v "${name//-/_}" %s "$2"
            shift 2
            ;;
        *)
            echo "gpu-study: unknown option $1; see --help" >&2
            exit 2
            ;;
    esac
done
case $only in
    "" | torch | visard) ;;
    *)
        echo "gpu-study: --only takes torch or visard" >&2
        exit 2
        ;;
esac
out=${OUT:-./gpu-records}
python=${PYTHON:-python3}
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -f "$out"/machine.json "$out"/{torch,visard,prepare}.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# A JSON string of $1.
quoted() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\n'/ }
    text=${text//$'\t'/ }
    printf '"%s"' "$text"
}

# A record that says why a part was not run: file, part, reason.
left_out() {
    echo "left out: $2: $3"
    printf '{"part":%s,"left_out":%s}\n' "$(quoted "$2")" "$(quoted "$3")" >> "$out/$1"
}

# A record of a failure: file, part, log.
failed() {
    failures=$((failures + 1))
    echo "failed: $2, see $3"
    printf '{"part":%s,"failed":%s}\n' "$(quoted "$2")" "$(quoted "$(tail -n 3 "$3")")" >> "$out/$1"
}

# The first line that a command prints, or nothing.
first_line() { "$@" 2> /dev/null | head -n 1 || true; }

# Whether an interpreter has some modules.
python_has() { "$python" -c "import $1" > /dev/null 2>&1; }

# Vulkan's loader, as the dynamic linker finds it.
vulkan_loader() {
    local folder
    local -a folders
    IFS=: read -r -a folders <<< "${LD_LIBRARY_PATH:-}"
    for folder in "${folders[@]}"; do
        if [ -e "$folder/libvulkan.so.1" ]; then
            printf '%s\n' "$folder/libvulkan.so.1"
            return
        fi
    done
    # The list is read to its end, so that no pipe breaks.
    { ldconfig -p 2> /dev/null || /sbin/ldconfig -p 2> /dev/null || true; } |
        awk '$1 == "libvulkan.so.1" && !found { print $NF; found = 1 }'
}

# The files by which Vulkan's drivers are found.
vulkan_drivers() {
    if [ -n "${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-}}" ]; then
        printf '%s\n' "${VK_DRIVER_FILES:-$VK_ICD_FILENAMES}"
        return
    fi
    find /usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d /etc/vulkan/icd.d "$HOME/.local/share/vulkan/icd.d" \
        -name '*.json' 2> /dev/null | sort | paste -s -d ' ' - || true
}

record_machine() {
    local cpu torch vision program=""
    cpu=$(awk -F': *' '/^model name/ && !found { print $2; found = 1 }' /proc/cpuinfo 2> /dev/null || true)
    torch=$(first_line "$python" -c 'import torch; print(torch.__version__)')
    vision=$(first_line "$python" -c 'import torchvision; print(torchvision.__version__)')
    [ -x "$visard" ] && program=$(first_line "$visard" --version)
    {
        printf '{"date":%s,"system":%s,' "$(quoted "$(date -u +%Y-%m-%dT%H:%M:%SZ)")" "$(quoted "$(uname -srm)")"
        printf '"cpu":%s,"cores":%s,' "$(quoted "$cpu")" "$(nproc)"
        printf '"gpu":%s,' "$(quoted "$(first_line nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader)")"
        printf '"vulkan_loader":%s,"vulkan_drivers":%s,' "$(quoted "$(vulkan_loader)")" "$(quoted "$(vulkan_drivers)")"
        printf '"python":%s,"torch":%s,"torchvision":%s,' "$(quoted "$(first_line "$python" --version)")" "$(quoted "$torch")" "$(quoted "$vision")"
        printf '"visard":%s}\n' "$(quoted "$program")"
    } > "$out/machine.json"
    cat "$out/machine.json"
}

# Plain and disguised data: $work/plain-idx, $work/rmt-idx, and the same of CIFAR where it is given. The plain
# IDX files are unpacked and lie where torchvision looks for them.
prepare() {
    local raw=$work/plain-idx/FashionMNIST/raw file name
    mkdir -p "$raw"
    for file in "$data"/*-ubyte "$data"/*-ubyte.gz; do
        [ -e "$file" ] || continue
        name=$(basename "$file" .gz)
        if [ "${file%.gz}" != "$file" ]; then gzip -dc "$file" > "$raw/$name"; else cp "$file" "$raw/$name"; fi
    done
    [ -z "$cifar" ] || ln -s "$(cd "$cifar" && pwd)" "$work/plain-cifar"
    disguise idx 28x28x1
    [ -z "$cifar" ] || disguise cifar 32x32x3
}

# Disguises $work/plain-KIND for images of a shape. What goes wrong is recorded, and plain images remain.
disguise() {
    local log=$out/prepare-$1.log
    [ -x "$visard" ] || return 0
    if ! { "$visard" -q keygen --scheme rmt --shape "$2" --insecure-plaintext-key -o "$work/$1.key" &&
        "$visard" -q apply -k "$work/$1.key" "$work/plain-$1" "$work/rmt-$1"; } > "$log" 2>&1; then
        rm -rf "$work/rmt-$1"
        failed prepare.jsonl "disguise $1" "$log"
    fi
}

torch_part() {
    local file=torch.jsonl log images kind name text
    : > "$out/$file"
    command -v "$python" > /dev/null || { left_out $file torch "there is no $python" && return; }
    python_has torch || { left_out $file torch "$python has no PyTorch" && return; }
    "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
        { left_out $file torch "PyTorch finds no CUDA device" && return; }
    if python_has torchvision,PIL; then
        for images in "$work"/plain-* "$work"/rmt-*; do
            [ -d "$images" ] || continue
            name=$(basename "$images") log=$out/torch-$(basename "$images").log kind=cifar
            [ "${name#*-}" = cifar ] || kind=mnist
            if timeout "$patience" "$python" "$root/examples/pytorch/train.py" --data "$images" --kind "$kind" \
                --epochs "$epochs" --limit "$limit" > "$log" 2>&1; then
                text=$(paste -s -d ';' "$log")
                printf '{"part":"torch train.py","data":%s,"epochs":%s,"accuracy":%s,"seconds":[%s],"said":%s}\n' \
                    "$(quoted "$name")" "$epochs" "$(sed -n 's/^test accuracy \([0-9.]*\) .*/\1/p' "$log")" \
                    "$(sed -n 's/^epoch .*, \([0-9.]*\) s$/\1/p' "$log" | paste -s -d , -)" \
                    "$(quoted "$text")" >> "$out/$file"
                tail -n 1 "$log"
            else
                failed $file "torch train.py $name" "$log"
            fi
        done
        [ -d "$work/rmt-idx" ] || left_out $file "torch train.py on disguised images" "$visard made none"
    else
        left_out $file "torch train.py" "$python has no torchvision"
    fi
    log=$out/torch-bench.log
    # Without torchvision it measures what it can and exits with 1.
    "$python" "$root/scripts/torch-bench.py" --device cuda --threads "$(nproc)" --seconds "$seconds" 2> "$log" | tee -a "$out/$file" ||
        failed $file "torch-bench.py" "$log"
}

# One training by visard, recorded: device, network, data, images.
visard_train() {
    local file=visard.jsonl device=$1 network=$2 name=$3 images=$4
    local log=$out/visard-$device-$network-$name.log start
    start=$(date +%s)
    if timeout "$patience" "$visard" train "$work/$name" --network "$network" --device "$device" --epochs "$epochs" \
        --limit "$images" --val-limit 1000 --json -o "$work/$device-$network-$name" > "$log.json" 2> "$log"; then
        printf '{"part":"visard train","device":"%s","network":%s,"data":%s,"images":%s,"wall_s":%s,"train":%s}\n' \
            "$device" "$(quoted "$network")" "$(quoted "$name")" "$images" $(($(date +%s) - start)) \
            "$(grep '"type":"train"' "$log.json" | tail -n 1)" >> "$out/$file"
        echo "visard $device $network $name: images/s by epoch: $(grep -o '"images_per_s":[0-9.]*' "$log.json" | cut -d: -f2 | paste -s -d ' ' -)"
    else
        cat "$log.json" >> "$log"
        local part="visard train --device $device --network $network on $name"
        if grep 'no GPU can be used' "$log" > /dev/null; then
            # The program says why: built without the feature, or no adapter behind loader and driver.
            left_out $file "$part" "$(grep -o 'no GPU can be used[^"]*' "$log" | tail -n 1)"
        else
            failed $file "$part" "$log"
        fi
    fi
    rm -f "$log.json"
}

visard_part() {
    local file=visard.jsonl network images name usable
    : > "$out/$file"
    [ -x "$visard" ] || { left_out $file visard "there is no $visard" && return; }
    "$visard" train --help | grep -e '--device' > /dev/null ||
        { left_out $file visard "this visard's train has no --device" && return; }
    usable=yes
    if [ -z "$(vulkan_loader)" ]; then
        usable="" && left_out $file "visard gpu" "no Vulkan loader (libvulkan.so.1, Debian's libvulkan1)"
    elif [ -z "$(vulkan_drivers)" ]; then
        usable="" && left_out $file "visard gpu" "no Vulkan driver (no *.json in /usr/share/vulkan/icd.d or /etc/vulkan/icd.d)"
    fi
    for network in $networks; do
        if ! "$visard" networks "$network" > /dev/null 2>&1; then
            left_out $file "visard $network" "this visard has no network $network"
            continue
        fi
        for images in "$work"/plain-* "$work"/rmt-*; do
            [ -d "$images" ] || continue
            name=$(basename "$images")
            [ -z "$usable" ] || visard_train gpu "$network" "$name" "$limit"
            [ "$cpu_limit" = 0 ] || visard_train cpu "$network" "$name" "$cpu_limit"
        done
    done
}

record_machine
prepare
[ "$only" = visard ] || torch_part
[ "$only" = torch ] || visard_part
echo "records in $out, $failures failed"
[ "$failures" = 0 ]
