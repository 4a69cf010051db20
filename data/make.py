#!/usr/bin/env python3
"""Makes the bundled sample data from the full sets.

    python3 data/make.py SETS

SETS holds `fashion-mnist/` (the four IDX files of Fashion-MNIST, gzipped) and `photos/`
(astronaut.png, chelsea.png and coffee.png of scikit-image). Needs Pillow for the photographs.
The same inputs give the same pixels and labels; the compressed bytes depend on the versions of
zlib and Pillow.
"""

import gzip
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
CLASSES = 10
# Longest side in pixels: 190 makes chelsea 190 x 126, neither a multiple of 4.
PHOTOS = {"astronaut": 192, "chelsea": 190, "coffee": 192}


def read_idx(path):
    """The dimensions and the bytes of an unsigned 8-bit IDX file."""
    raw = gzip.decompress(path.read_bytes())
    if raw[:3] != b"\0\0\x08":
        sys.exit(f"{path}: not an IDX file of unsigned bytes")
    dims = struct.unpack_from(f">{raw[3]}I", raw, 4)
    return dims, raw[4 + 4 * raw[3] :]


def write_idx(path, dims, data):
    """Writes an IDX file, gzipped without name or time."""
    header = bytes([0, 0, 8, len(dims)]) + struct.pack(f">{len(dims)}I", *dims)
    path.write_bytes(gzip.compress(header + data, compresslevel=9, mtime=0))


def first_of_each_class(labels, wanted):
    """Indices of the first `wanted` samples of each class, in the order of the file."""
    counts, keep = [0] * CLASSES, []
    for index, label in enumerate(labels):
        if counts[label] < wanted:
            counts[label] += 1
            keep.append(index)
    if counts != [wanted] * CLASSES:
        sys.exit(f"a class has fewer than {wanted} samples: {counts}")
    return keep


def make_fashion(source, target):
    """10,000 training and 2,000 test images of Fashion-MNIST."""
    target.mkdir(exist_ok=True)
    for split, wanted in (("train", 1000), ("t10k", 200)):
        images_name = f"{split}-images-idx3-ubyte.gz"
        labels_name = f"{split}-labels-idx1-ubyte.gz"
        (_, height, width), pixels = read_idx(source / images_name)
        _, labels = read_idx(source / labels_name)
        keep = first_of_each_class(labels, wanted)
        size = height * width
        images = b"".join(pixels[i * size : (i + 1) * size] for i in keep)
        write_idx(target / images_name, (len(keep), height, width), images)
        write_idx(target / labels_name, (len(keep),), bytes(labels[i] for i in keep))


def make_photos(source, target):
    """Small PNG copies of the photographs, pixels only."""
    from PIL import Image

    target.mkdir(exist_ok=True)
    for name, side in PHOTOS.items():
        image = Image.open(source / f"{name}.png").convert("RGB")
        scale = side / max(image.size)
        size = tuple(round(s * scale) for s in image.size)
        small = image.resize(size, Image.Resampling.LANCZOS)
        # A fresh image carries no text chunk or profile of the original.
        clean = Image.frombytes("RGB", size, small.tobytes())
        clean.save(target / f"{name}.png", optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sets = pathlib.Path(sys.argv[1])
    make_fashion(sets / "fashion-mnist", HERE / "fashion-mnist-12k")
    make_photos(sets / "photos", HERE / "photos")
