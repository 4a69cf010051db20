#!/usr/bin/env python3
"""Opens a ResNet-18 of visard's in torchvision and tests it there; prints one line of JSON.

    python3 weights.py model.safetensors disguised-cifar/ [--weights FILE] [--logits visard.npz]
    python3 weights.py model.safetensors disguised-cifar/ --tune 40 --save tuned.safetensors

The model file is a safetensors file with torchvision's names (`--network resnet18 --set stem=imagenet`).
Its header says how images are standardised: mean and deviation of each channel in units of 255 grey
levels, after the codes of a quantised disguise have been turned into what they stand for.
"""

import argparse
import json

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import resnet18

from train import Cifar10Binary


def header(path):
    """What visard says about a model."""
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["visard"].split("\n")[0])


def images(pixels, info):
    """Standardised images (N, C, H, W) of bytes (N, H, W, C)."""
    values = pixels.astype(np.float32)
    scale = info["disguise"].get("scale")
    if scale:
        values = (scale["low"] + scale["step"] * pixels.astype(np.float64)).astype(np.float32)
    normal = info["normalisation"]
    values = (values / np.float32(255) - np.float32(normal["mean"])) / np.float32(normal["std"])
    return torch.from_numpy(values.transpose(0, 3, 1, 2).copy())


def tune(model, data, info, steps):
    """Some steps of ordinary training."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    labels = torch.tensor(data.targets)
    model.train()
    for _ in range(steps):
        places = torch.randint(len(data), (64,))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images(data.data[places.numpy()], info)), labels[places])
        loss.backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="model file")
    parser.add_argument("data", help="folder of CIFAR-10 binary files")
    parser.add_argument(
        "--weights", help="take the weights from this safetensors file [default: the model file]"
    )
    parser.add_argument("--limit", type=int, default=1000, help="test images")
    parser.add_argument("--logits", help="npz file of visard's logits to compare with")
    parser.add_argument("--tune", type=int, default=0, metavar="STEPS", help="train so many steps first")
    parser.add_argument("--save", metavar="FILE", help="write the weights to a safetensors file")
    args = parser.parse_args()

    torch.manual_seed(0)
    info = header(args.model)
    model = resnet18(num_classes=len(info["classes"]))
    model.load_state_dict(load_file(args.weights or args.model), strict=True)
    if args.tune:
        tune(model, Cifar10Binary(args.data, True, None), info, args.tune)
    if args.save:
        save_file(model.state_dict(), args.save)

    test = Cifar10Binary(args.data, False, None)
    model.eval()
    with torch.no_grad():
        parts = np.split(test.data[: args.limit], range(100, min(args.limit, len(test)), 100))
        logits = torch.cat([model(images(part, info)) for part in parts])
    targets = torch.tensor(test.targets[: args.limit])
    said = {
        "n": len(targets),
        "correct": (logits.argmax(1) == targets).sum().item(),
        "loss": nn.functional.cross_entropy(logits.double(), targets).item(),
    }
    if args.logits:
        with np.load(args.logits) as file:
            theirs = file["logits"]
        said["difference"] = float(np.abs(logits.numpy() - theirs[: len(logits)]).max())
    print(json.dumps(said))


if __name__ == "__main__":
    main()
