#!/usr/bin/env python3
"""Checks that stock PyTorch code learns from what visard writes, and that weights go both ways.

    python3 examples/pytorch/test.py [--visard PROGRAM] [--sets FOLDER] [--env FOLDER] [--plain]

Needs Python 3.9 or later and the built program, nothing else: PyTorch comes from the interpreter if it
has it, otherwise into a throw-away virtual environment. Where PyTorch cannot be had, the checks count as
skipped and the reason is printed. Exit code 1 if a check failed.
"""

import argparse
import gzip
import json
import math
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUNDLED = ROOT / "data" / "fashion-mnist-12k"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# PyTorch's packages on PyPI for Linux bring CUDA: 5.5 GB when installed, and the downloads besides.
PYPI_BYTES = 9e9
# A check passes if the lower end of the 95% interval of the accuracy is above so many times chance.
MARGIN = 2


class Failed(Exception):
    """A check found something wrong."""


class Skipped(Exception):
    """A check cannot be made here."""


def run(*command, **options):
    """Output of a command that must succeed."""
    command = [str(part) for part in command]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise Failed(f"{' '.join(command)}: exit code {done.returncode}\n{last}")
    return done.stdout


# The Python environment


def imports(python, *modules):
    """Whether an interpreter has some modules."""
    try:
        command = [str(python), "-c", f"import {', '.join(modules)}"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def python_of(env):
    """The interpreter of a virtual environment."""
    return env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_env(env, install):
    """Makes `env` a virtual environment with PyTorch, tells where that came from."""
    python = python_of(env)
    if imports(python, "torch", "torchvision"):
        return "as it was"
    candidates = dict.fromkeys([sys.executable, "/usr/bin/python3"] if install in ("auto", "none") else [])
    having = [p for p in candidates if imports(p, "torch", "torchvision")]
    base, options = (having[0], ["--system-site-packages"]) if having else (sys.executable, [])
    try:
        run(base, "-m", "venv", *options, env)
    except Failed as e:
        raise Skipped(f"no virtual environment can be made (Debian: apt install python3-venv): {e}") from e
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if having:
        if not imports(python, "safetensors.torch"):
            # Without it, only the checks of weights are skipped.
            subprocess.run([*map(str, pip), "--retries", "0", "safetensors"], capture_output=True)
        return f"the packages of {base}"
    if install == "none":
        raise Skipped("no PyTorch here, and none is to be installed")
    problems = []
    if install in ("auto", "cpu"):
        try:
            once = ["--timeout", "15", "--retries", "0"]
            run(*pip, *once, "--index-url", CPU_INDEX, "torch", "torchvision", "numpy")
            run(*pip, "safetensors")
            return "PyTorch's index of CPU packages"
        except Failed as e:
            problems.append(str(e))
    if install in ("auto", "pypi"):
        free = shutil.disk_usage(env).free
        if sys.platform == "linux" and free < PYPI_BYTES:
            problems.append(f"PyPI's packages need {PYPI_BYTES / 1e9:.0f} GB, {free / 1e9:.1f} GB are free")
        else:
            try:
                run(*pip, "torch", "torchvision", "numpy", "safetensors")
                return "PyPI"
            except Failed as e:
                problems.append(str(e))
    raise Skipped("PyTorch cannot be installed: " + "; ".join(problems))


# Data sets


def read_idx(path):
    """Dimensions and bytes of an IDX file of bytes."""
    raw = gzip.decompress(path.read_bytes())
    return struct.unpack_from(f">{raw[3]}I", raw, 4), raw[4 + 4 * raw[3] :]


def write_png(path, pixels, side):
    """Writes a grey image."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + pixels[i * side : (i + 1) * side] for i in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def make_idx(source, target):
    """The layout that torchvision's download leaves: FashionMNIST/raw with unpacked files."""
    raw = target / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in source.glob("*-ubyte.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    return target


def make_cifar(source, target):
    """Grey images of 28 x 28 in a frame, each in a random colour, as files of CIFAR-10's binary version."""
    target.mkdir()
    draw = random.Random(0)
    for split, files in (
        ("train", [f"data_batch_{i}.bin" for i in range(1, 6)]),
        ("t10k", ["test_batch.bin"]),
    ):
        (count, *_), pixels = read_idx(source / f"{split}-images-idx3-ubyte.gz")
        _, labels = read_idx(source / f"{split}-labels-idx1-ubyte.gz")
        each = -(-count // len(files))
        for number, name in enumerate(files):
            with (target / name).open("wb") as out:
                for i in range(number * each, min(count, (number + 1) * each)):
                    image = pixels[i * 784 : (i + 1) * 784]
                    rows = (image[r * 28 : (r + 1) * 28].center(32, b"\0") for r in range(28))
                    framed = b"".join(rows).center(1024, b"\0")
                    out.write(labels[i : i + 1])
                    for _ in range(3):
                        most = draw.uniform(0.4, 1)
                        out.write(framed.translate(bytes(int(v * most) for v in range(256))))
    return target


def make_folder(source, target, limit):
    """The first images as PNG files in train/CLASS and test/CLASS."""
    for split, name in (("train", "train"), ("t10k", "test")):
        (count, side, _), pixels = read_idx(source / f"{split}-images-idx3-ubyte.gz")
        _, labels = read_idx(source / f"{split}-labels-idx1-ubyte.gz")
        # Not simply the first ones: files may be sorted by class.
        chosen = random.Random(0).sample(range(count), min(limit, count))
        for i in chosen:
            folder = target / name / f"class{labels[i]}"
            folder.mkdir(parents=True, exist_ok=True)
            write_png(folder / f"{i:05}.png", pixels[i * side * side : (i + 1) * side * side], side)
    return target


def wilson(correct, n):
    """95% interval of a share."""
    z, p = 1.959964, correct / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


class Checks:
    """What all checks share."""

    def __init__(self, args, work, python):
        self.args, self.work, self.python = args, work, python

    def visard(self, *command):
        return run(self.args.visard, "--quiet", *command)

    def has(self, *command):
        """What a command of visard that may not exist prints, or nothing."""
        done = subprocess.run([str(self.args.visard), *command], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else ""

    def source(self, name):
        """A data set of the folder given, or the bundled one."""
        if self.args.sets is None:
            return BUNDLED
        folder = self.args.sets / name
        if not folder.is_dir():
            raise Skipped(f"{self.args.sets} holds no {name}")
        return folder

    def disguise(self, name, plain, shape):
        """Disguises a data set, makes sure that no file of images went through as it was."""
        key, out = self.work / f"{name}.key", self.work / f"disguised-{name}"
        settings = [part for setting in self.args.set for part in ("--set", setting)]
        scheme = ["--scheme", self.args.scheme, *settings, "--shape", shape]
        self.visard("keygen", *scheme, "--insecure-plaintext-key", "-o", key)
        self.visard("apply", "-k", key, plain, out)
        images = [p for p in plain.rglob("*") if "images" in p.name or p.suffix in (".bin", ".png")]
        if not images:
            raise Failed(f"{plain} holds no images")
        for path in images:
            if (out / path.relative_to(plain)).read_bytes() == path.read_bytes():
                raise Failed(f"{path.name} was not disguised")
        return out

    def train(self, kind, data, *options):
        """Trains by the plain script; what it said in words, or Failed."""
        command = [self.python, HERE / "train.py", "--data", data, "--kind", kind, "--limit", self.args.limit]
        start = time.time()
        text = run(*command, "--epochs", self.args.epochs, *options)
        seconds = time.time() - start
        losses = re.findall(r"loss ([\d.]+|nan) -> ([\d.]+|nan)", text)
        classes = re.search(r"(\d+) classes", text)
        counts = re.search(r"\((\d+) of (\d+)\)", text)
        if not (losses and classes and counts):
            raise Failed(f"train.py said something else than expected:\n{text}")
        first, last = float(losses[0][0]), float(losses[-1][1])
        correct, n = map(int, counts.groups())
        low, high = wilson(correct, n)
        chance = 1 / int(classes.group(1))
        said = (
            f"loss {first:.2f} -> {last:.2f}, accuracy {100 * correct / n:.1f} % "
            f"({100 * low:.1f} to {100 * high:.1f}, chance {100 * chance:.0f}) of {n}, {seconds:.0f} s"
        )
        if not last < first:
            raise Failed(f"the loss does not fall: {said}")
        if not low > MARGIN * chance:
            raise Failed(f"not above {MARGIN} times chance: {said}")
        return said

    def learn(self, name, plain, shape):
        """Disguise, train as anybody would, and see that the files were not touched."""
        data = self.disguise(name, plain, shape)
        kind = {"idx": "mnist"}.get(name, name)
        said = self.train(kind, data)
        self.visard("verify", data)
        if self.args.plain:
            said += f"; plain: {self.train(kind, plain)}"
        return said

    def idx(self):
        plain = make_idx(self.source("fashion-mnist"), self.work / "plain-idx")
        return self.learn("idx", plain, "28x28x1")

    def plain_cifar(self):
        source = self.source("fashion-m")
        if source != BUNDLED:
            return source
        plain = self.work / "plain-cifar"
        return plain if plain.exists() else make_cifar(source, plain)

    def cifar(self):
        return self.learn("cifar", self.plain_cifar(), "32x32x3")

    def folder(self):
        plain = make_folder(self.source("mnist-5k"), self.work / "plain-folder", self.args.limit)
        return self.learn("folder", plain, "28x28x1")

    # Weights

    def model(self):
        """A ResNet-18 that visard trained a little, and the disguised CIFAR files it was trained on."""
        if not self.has("networks", "resnet18"):
            raise Skipped("this visard has no network resnet18")
        if not imports(self.python, "safetensors.torch"):
            raise Skipped("the Python package safetensors cannot be had")
        data, model = self.work / "disguised-cifar", self.work / "model.safetensors"
        if not data.exists():
            self.disguise("cifar", self.plain_cifar(), "32x32x3")
        if not model.exists():
            # What goes before a network would have tensors that torchvision does not know.
            bare = ["--front", "none"] if "--front" in self.has("train", "--help") else []
            network = ["--network", "resnet18", "--set", "stem=imagenet", *bare]
            some = ["--epochs", 1, "--limit", 512, "--val-limit", 2]
            self.visard("train", data, *network, *some, "-o", model)
        return model, data

    def evaluated(self, model, data):
        """What visard makes of the first test images, and its file of logits if there is one."""
        options, logits = [], model.with_suffix(".npz")
        if "--logits" in self.has("eval", "--help"):
            options = ["--logits", logits]
        said = self.visard("eval", "-m", model, data, "--limit", 1000, "--json", *options)
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        return next(line["evaluation"] for line in lines if line["type"] == "eval"), options

    def compare(self, model, data, weights):
        """Compares visard's answers with PyTorch's, both with `weights`."""
        visard, logits = self.evaluated(model, data)
        command = [self.python, HERE / "weights.py", model, data, "--weights", weights, "--limit", 1000]
        torch = json.loads(run(*command, *logits))
        words = (
            f"{visard['correct']} right by visard, {torch['correct']} by PyTorch, of {torch['n']}; "
            f"loss {visard['loss']:.6f} and {torch['loss']:.6f}"
        )
        differing = abs(visard["loss"] - torch["loss"])
        if logits:
            words += f"; logits differ by at most {torch['difference']:.1e}"
            differing = max(differing, torch["difference"])
        if not (abs(visard["correct"] - torch["correct"]) <= 1 and differing < 1e-3):
            raise Failed(words)
        return words

    def to_torch(self):
        model, data = self.model()
        return self.compare(model, data, model)

    def to_visard(self):
        model, data = self.model()
        if not self.has("import", "--help"):
            raise Skipped("this visard has no command import")
        tuned, back = self.work / "tuned.safetensors", self.work / "back.safetensors"
        run(self.python, HERE / "weights.py", model, data, "--limit", 1000, "--tune", 40, "--save", tuned)
        self.visard("import", "--like", model, tuned, "-o", back)
        return self.compare(back, data, tuned)

    def export(self):
        model, data = self.model()
        if not self.has("export", "--help"):
            raise Skipped("this visard has no command export")
        weights = self.work / "weights.safetensors"
        self.visard("export", "-m", model, weights)
        return self.compare(model, data, weights)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    program = "visard.exe" if os.name == "nt" else "visard"
    parser.add_argument(
        "--visard", type=Path, default=ROOT / "target" / "release" / program, help="the program"
    )
    parser.add_argument(
        "--sets",
        type=Path,
        help="folder with fashion-mnist, fashion-m, mnist-5k [default: the bundled sample]",
    )
    parser.add_argument(
        "--env", type=Path, help="virtual environment to use, kept [default: a temporary one]"
    )
    parser.add_argument(
        "--install",
        choices=["auto", "cpu", "pypi", "none"],
        default="auto",
        help="where PyTorch comes from; auto: this interpreter, PyTorch's index of CPU packages, or PyPI",
    )
    parser.add_argument("--scheme", default="rmt", help="scheme to disguise with")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="parameter of the scheme"
    )
    parser.add_argument("--limit", type=int, default=3000, help="training images")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="train on the plain images too, to compare")
    parser.add_argument(
        "--only", choices=["idx", "cifar", "folder", "weights"], help="make these checks only"
    )
    args = parser.parse_args()
    for name in ("visard", "sets", "env"):
        if getattr(args, name) is not None:
            setattr(args, name, getattr(args, name).resolve())

    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with tempfile.TemporaryDirectory(prefix="visard-pytorch-") as work:
        work = Path(work)
        env, reason = args.env or work / "env", None
        start = time.time()
        if not args.visard.exists():
            reason = f"there is no {args.visard}; build it with `cargo build --release`"
        else:
            try:
                origin = make_env(env, args.install)
                code = "import torch, torchvision as v; print(torch.__version__, v.__version__)"
                torch, vision = run(python_of(env), "-c", code).split()
                print(
                    f"PyTorch {torch}, torchvision {vision}: {origin}, {time.time() - start:.0f} s",
                    flush=True,
                )
            except Skipped as e:
                reason = str(e)
        checks = Checks(args, work, python_of(env))
        steps = [
            ("idx", checks.idx),
            ("cifar", checks.cifar),
            ("folder", checks.folder),
            ("weights: visard to PyTorch", checks.to_torch),
            ("weights: PyTorch to visard", checks.to_visard),
            ("weights: export", checks.export),
        ]
        if reason:
            print(f"nothing can be checked: {reason}", flush=True)
        for name, step in steps:
            if args.only and not name.startswith(args.only):
                continue
            try:
                if reason:
                    raise Skipped("see above")
                outcome, said = "passed", step()
            except Skipped as e:
                outcome, said = "skipped", e
            except Failed as e:
                outcome, said = "failed", e
            counts[outcome] += 1
            print(f"{outcome}: {name}: {said}", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
