#!/usr/bin/env python3
"""Trains torchvision's ResNet-18 on a set of labelled images.

    python3 train.py --data data --kind mnist     # data/FashionMNIST/raw/train-images-idx3-ubyte ...
    python3 train.py --data data --kind cifar     # data/.../data_batch_1.bin ..., test_batch.bin
    python3 train.py --data data --kind folder    # data/train/CLASS/*.png, data/test/CLASS/*.png

An ordinary script: it knows nothing of where the images come from.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, random_split
from torchvision import datasets, transforms
from torchvision.models import resnet18


class Cifar10Binary(Dataset):
    """The binary version of CIFAR-10: rows of one label and three planes of 32 x 32 bytes.

    torchvision's own CIFAR10 reads the Python version alone, and only files whose MD5 it knows.
    """

    def __init__(self, root, train, transform):
        names = sorted(Path(root).rglob("data_batch_*.bin" if train else "test_batch.bin"))
        if not names:
            raise FileNotFoundError(f"no CIFAR-10 binary files below {root}")
        rows = np.concatenate([np.fromfile(name, np.uint8) for name in names]).reshape(-1, 3073)
        self.targets = rows[:, 0].tolist()
        self.data = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        self.transform = transform

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.data[index])), self.targets[index]


def load(kind, root):
    """Training set, test set, channels and number of classes."""
    root = Path(root)
    if kind == "mnist":
        transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
        of = datasets.FashionMNIST if (root / "FashionMNIST").exists() else datasets.MNIST
        sets = [of(root, train=train, transform=transform) for train in (True, False)]
        return *sets, 1, len(sets[0].classes)
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
    )
    if kind == "cifar":
        sets = [Cifar10Binary(root, train, transform) for train in (True, False)]
        return *sets, 3, 10
    # ImageFolder makes grey images RGB.
    if (root / "train").is_dir():
        sets = [datasets.ImageFolder(root / part, transform) for part in ("train", "test")]
        return *sets, 3, len(sets[0].classes)
    whole = datasets.ImageFolder(root, transform)
    held = len(whole) // 5
    parts = random_split(whole, [len(whole) - held, held], torch.Generator().manual_seed(0))
    return *parts, 3, len(whole.classes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the data set")
    parser.add_argument("--kind", choices=["mnist", "cifar", "folder"], required=True)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--limit", type=int, help="learn from this many random training images")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--workers", type=int, default=0, help="processes that load images")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train, test, channels, classes = load(args.kind, args.data)
    if args.limit and args.limit < len(train):
        train = Subset(train, torch.randperm(len(train))[: args.limit].tolist())
    # A last batch of one image cannot be normalised.
    loader = DataLoader(
        train, args.batch, shuffle=True, num_workers=args.workers, drop_last=len(train) > args.batch
    )
    test_loader = DataLoader(test, 256, num_workers=args.workers)
    print(f"{len(train)} training and {len(test)} test images, {classes} classes, {device}", flush=True)

    model = resnet18(num_classes=classes)
    if channels != 3:
        model.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
    model.to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=args.lr, total_steps=args.epochs * len(loader)
    )

    for epoch in range(1, args.epochs + 1):
        model.train()
        start, losses = time.time(), []
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        window = max(1, len(losses) // 10)
        first, last = np.mean(losses[:window]), np.mean(losses[-window:])
        seconds = time.time() - start
        print(f"epoch {epoch}: loss {first:.4f} -> {last:.4f}, {seconds:.1f} s", flush=True)

    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in test_loader:
            predicted = model(images.to(device)).argmax(1).cpu()
            correct += (predicted == labels).sum().item()
    print(f"test accuracy {correct / len(test):.4f} ({correct} of {len(test)})")


if __name__ == "__main__":
    main()
