"""The cases below derived/: whole schemes under a secret."""

import hashlib
import io
import json
import math
import struct
import zipfile

import reference as ref
from reference_instahide import soft_labels
from reference_schemes import SCHEMES

COUNTING = bytes(range(32))
HASHED = hashlib.sha256(b"visard reference vectors").digest()
SALT = hashlib.sha256(b"visard reference salt").digest()[:16]

DEFAULTS = {
    "rmt": {
        "block": 4,
        "condition": 1000.0,
        "matrix": "orthogonal",
        "noise": 0.0,
        "noise_stage": "after",
        "shuffle": True,
    },
    "aes": {"block": 4, "per_position": True, "shuffle": True},
    "instahide": {
        "k": 4,
        "c1": 0.65,
        "c2": 0.3,
        "cross": False,
        "pair": True,
        "norm": "cifar10",
        "encodings": 1,
    },
    "tanaka": {"block": 4, "flips": "independent"},
    "ele": {"block": 4, "flips": "independent", "shuffle": True},
    "skk": {"color": True, "image_key": False},
    "etc": {"block": 4, "shuffle": True},
    "etc-gray": {"block": 8, "subsampling": "444", "shuffle": True},
    "shf": {"block": 4},
    "negpos": {"block": 4},
    "ffx": {"block": 4},
    "neuracrypt": {"patch": 4, "width": 8, "depth": 2, "statistics": "fixed", "batch": 128},
}

# Images beyond the two of every case, public images, and whether there are labels.
THREE = {"images": 3}
MIXED = {"images": 5}
LABELLED = {"images": 5, "labels": True}
CROSS = {"images": 5, "public": 4, "labels": True}

# Name, shape, what differs from the parameters above, and from two images.
CASES = {
    "rmt": [
        ("b4_8x16", (8, 16, 1), {}),
        ("b4_12x12_rgb", (12, 12, 3), {}),
        ("b4_8x12_two_channels", (8, 12, 2), {}),
        ("b4_8x8_unshuffled", (8, 8, 3), {"shuffle": False}),
        ("b1_3x5_rgb", (3, 5, 3), {"block": 1}),
        ("b7_14x20", (14, 20, 1), {"block": 7}),
        ("b28_28x28", (28, 28, 1), {"block": 28}),
        ("noise25_after_10x9", (10, 9, 1), {"noise": 25.0}),
        ("noise25_after_10x9_rgb", (10, 9, 3), {"noise": 25.0}),
        ("noise25_before_10x9_rgb", (10, 9, 3), {"noise": 25.0, "noise_stage": "before"}),
        ("noise0.1_before_b3_7x5", (7, 5, 1), {"block": 3, "noise": 0.1, "noise_stage": "before"}),
        ("projection_b4_8x8", (8, 8, 1), {"matrix": "projection", "condition": 20.5}),
        ("projection_b3_7x5_rgb_noise", (7, 5, 3), {"block": 3, "matrix": "projection", "noise": 100.0}),
    ],
    "aes": [
        ("one_cipher_16x16", (16, 16, 1), {"per_position": False}),
        ("one_cipher_12x16_rgb", (12, 16, 3), {"per_position": False}),
        ("one_cipher_8x12_two_channels_unshuffled", (8, 12, 2), {"per_position": False, "shuffle": False}),
        ("per_position_10x9_rgb", (10, 9, 3), {}),
        ("per_position_8x8_unshuffled", (8, 8, 1), {"shuffle": False}),
        ("b1_3x5", (3, 5, 1), {"block": 1}),
        ("b2_5x7_rgb", (5, 7, 3), {"block": 2}),
        ("b3_7x5", (7, 5, 1), {"block": 3}),
        ("b6_6x10", (6, 10, 1), {"block": 6, "per_position": False}),
        ("b8_16x24", (16, 24, 1), {"block": 8}),
        ("b12_12x20_rgb", (12, 20, 3), {"block": 12}),
    ],
    "instahide": [
        ("inside_k4_8x8_rgb", (8, 8, 3), {}, LABELLED),
        ("inside_k1_half_5x7", (5, 7, 1), {"k": 1, "norm": "half"}, MIXED),
        ("inside_k2_half_5x7_rgb", (5, 7, 3), {"k": 2, "c1": 0.9, "norm": "half"}, MIXED),
        (
            "encodings2_k3_imagenet_5x6_two_channels",
            (5, 6, 2),
            {"k": 3, "c1": 0.5, "norm": "imagenet", "encodings": 2},
            LABELLED,
        ),
        ("inside_k16_3x5", (3, 5, 1), {"k": 16, "c1": 1.0}, LABELLED),
        ("cross_k6_8x8_rgb", (8, 8, 3), {"k": 6, "cross": True}, CROSS),
        ("cross_k2_4x4_rgb", (4, 4, 3), {"k": 2, "c1": 0.8, "cross": True}, CROSS),
        (
            "cross_k5_three_inside_5x7",
            (5, 7, 1),
            {"k": 5, "c1": 0.5, "c2": 0.7, "cross": True, "pair": False, "encodings": 2},
            CROSS,
        ),
        (
            "cross_k3_imagenet_5x7_rgb",
            (5, 7, 3),
            {"k": 3, "cross": True, "pair": False, "norm": "imagenet"},
            CROSS,
        ),
    ],
    "tanaka": [
        ("b4_8x8_rgb", (8, 8, 3), {}),
        ("b4_8x12_tanaka", (8, 12, 1), {"flips": "tanaka"}),
        ("b2_5x7_two_channels", (5, 7, 2), {"block": 2}),
        ("b3_7x5_rgb_tanaka", (7, 5, 3), {"block": 3, "flips": "tanaka"}),
        ("b16_10x9_rgb", (10, 9, 3), {"block": 16}),
    ],
    "ele": [
        ("b4_8x8_rgb", (8, 8, 3), {}),
        ("b4_8x12_unshuffled", (8, 12, 1), {"shuffle": False}),
        ("b2_5x7_two_channels_tanaka", (5, 7, 2), {"block": 2, "flips": "tanaka"}),
        ("b3_7x5_rgb", (7, 5, 3), {"block": 3}),
        ("b8_10x9_rgb_tanaka", (10, 9, 3), {"block": 8, "flips": "tanaka"}),
    ],
    "skk": [
        ("8x8_rgb", (8, 8, 3), {}),
        ("5x7_rgb_negative_only", (5, 7, 3), {"color": False}),
        ("7x5", (7, 5, 1), {}),
        ("5x6_two_channels", (5, 6, 2), {}),
        ("image_key_12x11_rgb", (12, 11, 3), {"image_key": True}),
        ("image_key_9x7_rgb_negative_only", (9, 7, 3), {"image_key": True, "color": False}),
        ("image_key_7x5", (7, 5, 1), {"image_key": True}),
    ],
    "etc": [
        ("b4_16x16_rgb", (16, 16, 3), {}),
        ("b4_8x12_unshuffled", (8, 12, 1), {"shuffle": False}),
        ("b2_5x7_two_channels", (5, 7, 2), {"block": 2}),
        ("b3_7x5_rgb_unshuffled", (7, 5, 3), {"block": 3, "shuffle": False}),
        ("b8_10x9_rgb", (10, 9, 3), {"block": 8}),
        ("b2_3x5_rgb", (3, 5, 3), {"block": 2}),
    ],
    "etc-gray": [
        ("b8_10x16_rgb", (10, 16, 3), {}),
        ("b4_10x9_rgb_420", (10, 9, 3), {"block": 4, "subsampling": "420"}),
        ("b4_10x9_420", (10, 9, 1), {"block": 4, "subsampling": "420"}),
        ("b8_16x12", (16, 12, 1), {}),
        ("b3_7x5_rgb_unshuffled", (7, 5, 3), {"block": 3, "shuffle": False}),
        ("b3_7x5_rgb_420_unshuffled", (7, 5, 3), {"block": 3, "subsampling": "420", "shuffle": False}),
    ],
    "shf": [
        ("b4_8x8_rgb", (8, 8, 3), {}),
        ("b3_7x5", (7, 5, 1), {"block": 3}),
        ("b8_8x10_two_channels", (8, 10, 2), {"block": 8}),
        ("b2_3x5_rgb", (3, 5, 3), {"block": 2}),
        ("b32_20x30", (20, 30, 1), {"block": 32}),
    ],
    "negpos": [
        ("b4_8x8_rgb", (8, 8, 3), {}),
        ("b3_7x5", (7, 5, 1), {"block": 3}),
        ("b8_8x10_two_channels", (8, 10, 2), {"block": 8}),
        ("b2_3x5_rgb", (3, 5, 3), {"block": 2}),
        ("b32_20x30", (20, 30, 1), {"block": 32}),
    ],
    "ffx": [
        ("b4_8x8_rgb", (8, 8, 3), {}),
        ("b3_7x5", (7, 5, 1), {"block": 3}),
        ("b8_8x10_two_channels", (8, 10, 2), {"block": 8}),
        ("b2_3x5_rgb", (3, 5, 3), {"block": 2}),
        ("b32_20x30", (20, 30, 1), {"block": 32}),
    ],
    "neuracrypt": [
        ("fixed_p4_8x8_rgb", (8, 8, 3), {}),
        ("batch2_p4_8x8_rgb", (8, 8, 3), {"statistics": "batch", "batch": 2}, THREE),
        ("batch_p4_8x8", (8, 8, 1), {"statistics": "batch", "depth": 3}, THREE),
        ("fixed_p4_10x9_two_channels", (10, 9, 2), {"width": 6, "depth": 1}),
        ("fixed_p3_7x5", (7, 5, 1), {"patch": 3, "width": 7, "depth": 3}),
        ("fixed_p1_1x3_rgb", (1, 3, 3), {"patch": 1, "width": 6, "depth": 1}),
        ("depth0_p4_8x8", (8, 8, 1), {"width": 7, "depth": 0}),
        (
            "depth0_batch_w1_p2_4x6_rgb",
            (4, 6, 3),
            {"patch": 2, "width": 1, "depth": 0, "statistics": "batch"},
        ),
    ],
}
NAMES = [b"train/0", b"test/cat/a.png", b"train/2", b"train/3", b"train/4"]
LABELS, CLASSES = [0, 3, 1, 3, 4], 6


def test_images(shape, count=2):
    """Random bytes; a ramp between a black and a white quarter, where signed zeros and equal blocks
    show; and further random bytes."""
    height, width, channels = shape
    size = height * width * channels
    noise = list(hashlib.shake_128(f"image {shape}".encode()).digest(size))
    ramp = []
    for r in range(height):
        for c in range(width):
            at = 4 * (r * width + c) / (height * width)
            middle = [(r * 9 + c * 5 + k * 40) % 256 for k in range(channels)]
            ramp += [0] * channels if at < 1 else [255] * channels if at >= 3 else middle
    return [noise, ramp] + [random_image(shape, i) for i in range(2, count)]


def random_image(shape, number):
    return list(hashlib.shake_128(f"image {number} {shape}".encode()).digest(math.prod(shape)))


def npz(*arrays):
    """An uncompressed .npz of (name, type, dimensions, values); the same bytes every time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, code, dims, values in arrays:
            tuple_ = f"({', '.join(map(str, dims))}{',' if len(dims) == 1 else ''})"
            text = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {tuple_}, }}"
            text += " " * (-(len(text) + 11) % 64) + "\n"
            kind = {"|u1": "B", "<f4": "f", "<i8": "q"}[code]
            array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
            array += struct.pack(f"<{len(values)}{kind}", *values)
            member = zipfile.ZipInfo(f"{name}.npy")
            member.create_system = 3
            archive.writestr(member, array)
    return buffer.getvalue()


def image_array(code, shape, images):
    return "images", code, (len(images), *shape), [v for image in images for v in image]


def make_case(scheme, secret, case, shape, changes, more):
    """Input file, output file and index entry."""
    params, count, public = DEFAULTS[scheme] | changes, more.get("images", 2), more.get("public", 0)
    plain, names = test_images(shape, count), NAMES[:count]
    strangers = [v for i in range(public) for v in random_image(shape, 100 + i)]
    derive, disguise = SCHEMES[scheme]
    run = ref.Run(SALT, names, strangers, public)
    material = derive(ref.Schedule(secret, scheme), params, shape, run)
    output, disguised = disguise(params, shape, material, plain)
    inputs = [image_array("|u1", shape, plain)]
    code = "<f4" if isinstance(disguised[0][0], float) else "|u1"
    outputs = [image_array(code, output, disguised)]
    if public:
        inputs.append(("public", "|u1", (public, *shape), strangers))
    if more.get("labels"):
        inputs.append(("labels", "<i8", (count,), LABELS[:count]))
        rows = soft_labels(params, material, LABELS, CLASSES)
        outputs.append(("soft_labels", "<f4", (len(rows), CLASSES), [w for row in rows for w in row]))
    entry = {
        "scheme": scheme,
        "case": case,
        "params": {name: ref.shown(value) for name, value in params.items()},
        "shape": "x".join(map(str, shape)),
        "output": "x".join(map(str, output)),
        "secret": secret.hex(),
        "salt": SALT.hex(),
        "samples": [name.decode() for name in names],
        "fingerprint": ref.fingerprint(secret, scheme, params, shape).hex(),
    }
    return npz(*inputs), npz(*outputs), entry


def files():
    """Names below vectors/ and contents."""
    entries = []
    for scheme, rows in CASES.items():
        for number, (case, shape, changes, *more) in enumerate(rows):
            secret = (COUNTING, HASHED)[number % 2]
            plain, disguised, entry = make_case(scheme, secret, case, shape, changes, *more or [{}])
            yield f"derived/{scheme}/{case}.in.npz", plain
            yield f"derived/{scheme}/{case}.out.npz", disguised
            entries.append(entry)
    yield "derived/index.json", (json.dumps(entries, indent=1) + "\n").encode()
