#!/usr/bin/env python3
"""Measures how many images per second PyTorch trains on, with the networks and shapes of visard's.

    python3 scripts/torch-bench.py [--device cpu|cuda] [--threads 2] [--seconds 10] [--only cnn]

The loop is a real one: images are bytes in memory, drawn in random order, standardised batch by batch and
copied to the device; SGD with Nesterov momentum 0.9 and weight decay 0.0005. Prints a JSON line for each
network and shape, with the median of the repeats. Needs PyTorch, and torchvision for resnet18.
"""

import argparse
import json
import os
import statistics
import sys
import time

import torch
from torch import nn

# Network, shape (height, width, channels) and batch.
CASES = [
    ("cnn", (28, 28, 1), 64),
    ("cnn", (32, 32, 3), 64),
    ("resnet18", (28, 28, 1), 128),
    ("resnet18", (32, 32, 3), 128),
]
IMAGES = 4096
CLASSES = 10


def cnn(shape):
    """visard's `cnn` with its default parameters."""
    height, width, channels = shape
    layers = []
    for features in (24, 48, 96):
        layers += [
            nn.Conv2d(channels, features, 3, padding=1, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        ]
        channels, height, width = features, height // 2, width // 2
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels * height * width, CLASSES)
    )


def resnet18(shape):
    """torchvision's with the stem for small images, as visard's `resnet18` has it by default."""
    from torchvision import models

    model = models.resnet18(num_classes=CLASSES)
    model.conv1 = nn.Conv2d(shape[2], 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


class Training:
    """A network, images to train on, and what goes between."""

    def __init__(self, build, shape, batch, device):
        height, width, channels = shape
        torch.manual_seed(0)
        self.batch, self.device = batch, device
        self.images = torch.randint(256, (IMAGES, channels, height, width), dtype=torch.uint8)
        self.labels = torch.randint(CLASSES, (IMAGES,))
        values = self.images.float() / 255
        self.mean = values.mean((0, 2, 3)).view(1, -1, 1, 1)
        self.std = values.std((0, 2, 3)).view(1, -1, 1, 1)
        self.model = build(shape).to(device).train()
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4
        )
        self.order = iter(())

    def step(self):
        """Trains on one batch; its loss, as training loops log it."""
        places = next(self.order, None)
        if places is None or len(places) < self.batch:
            self.order = iter(torch.randperm(IMAGES).split(self.batch))
            places = next(self.order)
        images = ((self.images[places].float() / 255 - self.mean) / self.std).to(self.device)
        labels = self.labels[places].to(self.device)
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(images), labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def speed(self, seconds):
        """Images per second over at least `seconds`. Reading the loss waits for the device."""
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            self.step()
            done += self.batch
        return done / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10, help="length of each repeat")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--warm-up", type=int, default=3, metavar="STEPS", help="steps before the first repeat"
    )
    parser.add_argument("--only", choices=["cnn", "resnet18"], help="measure this network only")
    args = parser.parse_args()

    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch-bench: this PyTorch finds no CUDA device; say --device cpu")
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    name = torch.cuda.get_device_name(0) if args.device == "cuda" else "cpu"
    missing = False
    for network, shape, batch in CASES:
        if args.only not in (None, network):
            continue
        try:
            training = Training({"cnn": cnn, "resnet18": resnet18}[network], shape, batch, device)
        except ImportError as e:
            print(f"torch-bench: {network} left out: {e}", file=sys.stderr)
            missing = True
            continue
        for _ in range(args.warm_up):
            training.step()
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        speeds = [training.speed(args.seconds) for _ in range(args.repeats)]
        record = {
            "network": network,
            "shape": "x".join(map(str, shape)),
            "batch": batch,
            "images_per_s": round(statistics.median(speeds), 1),
            "repeats": [round(speed, 1) for speed in speeds],
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "device": name,
            # What else the machine was doing: the figures are only good on an idle one.
            "load_before": load,
        }
        print(json.dumps(record), flush=True)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
