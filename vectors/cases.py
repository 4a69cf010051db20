"""The cases that reference.py writes: schedule.json and derived/."""

import hashlib
import io
import json
import pathlib
import struct
import sys
import zipfile

import reference as ref

HERE = pathlib.Path(__file__).resolve().parent
COUNTING = bytes(range(32))
HASHED = hashlib.sha256(b"visard reference vectors").digest()
SALT = hashlib.sha256(b"visard reference salt").digest()[:16]

RMT = {
    "block": 4,
    "condition": 1000.0,
    "matrix": "orthogonal",
    "noise": 0.0,
    "noise_stage": "after",
    "shuffle": True,
}
AES = {"block": 4, "per_position": True, "shuffle": True}

# Name, shape, and what differs from the parameters above.
RMT_CASES = [
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
]
AES_CASES = [
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
]


def bits64(value):
    return struct.pack(">d", value).hex()


def bits32(value):
    return struct.pack(">f", value).hex()


def matrix_bits(matrix):
    return [[bits64(x) for x in row] for row in matrix]


# --- schedule.json ------------------------------------------------------------------------------


def stream_cases():
    for secret, scheme, purpose, index in (
        (COUNTING, "rmt", "rmt-matrix", []),
        (COUNTING, "aes", "rmt-matrix", []),
        (HASHED, "rmt", "block-permutation", [0]),
        (HASHED, "aes", "aes-key", [1, 2**40]),
    ):
        schedule = ref.Schedule(secret, scheme)

        def fresh():
            return schedule.stream(purpose, index)

        words, sixes, halves = fresh(), fresh(), fresh()
        units, normals = fresh(), fresh()
        half = 2**63 + 1
        yield {
            "secret": secret.hex(),
            "scheme": scheme,
            "purpose": purpose,
            "index": [str(i) for i in index],
            "bytes": schedule.derive(purpose, index, 32).hex(),
            # 70 words reach beyond a buffer of 64 and beyond eight blocks of the cipher.
            "u64": [f"{words.u64():016x}" for _ in range(70)],
            "below": [
                {"bound": "6", "values": [str(sixes.below(6)) for _ in range(20)]},
                {"bound": str(half), "values": [str(halves.below(half)) for _ in range(8)]},
            ],
            "units": [bits64(units.unit()) for _ in range(6)],
            "permutations": [fresh().permutation(n) for n in (0, 1, 2, 16, 49)],
            "normals": [bits64(normals.normal()) for _ in range(25)],
            "haar": [{"side": n, "rows": matrix_bits(ref.haar(fresh(), n))} for n in (1, 2, 4, 7)],
            "projection": [projection_case(fresh(), n, bound) for n, bound in ((1, 1.0), (3, 1000.0), (4, 20.5))],
        }


def projection_case(stream, side, bound):
    rows, back = ref.projection(stream, side, bound)
    return {"side": side, "bound": bits64(bound), "rows": matrix_bits(rows), "inverse": matrix_bits(back)}


def fingerprint_cases():
    key = list(range(16))
    turn = [1.0, 0.0, 0.0, 1.0, 0.0, -1.0, 1.0, 0.0]
    for secret, scheme, params, shape, material in (
        (COUNTING, "rmt", RMT, (28, 28, 1), ()),
        (HASHED, "rmt", RMT | {"noise": 0.1, "condition": 250000.5}, (10, 9, 3), ()),
        (HASHED, "rmt", RMT | {"noise": 1.5e-7, "condition": 1e6}, (10, 9, 3), ()),
        (COUNTING, "aes", AES, (28, 28, 1), ()),
        (COUNTING, "aes", AES | {"per_position": False, "shuffle": False}, None, ()),
        (
            COUNTING,
            "aes",
            AES | {"per_position": False},
            (8, 8, 1),
            [("block_perm", (4,), "q", [3, 1, 0, 2]), ("key", (16,), "B", key)],
        ),
        (HASHED, "rmt", RMT | {"block": 2}, (2, 4, 1), [("R", (2, 2, 2), "d", turn)]),
    ):
        yield {
            "secret": secret.hex(),
            "scheme": scheme,
            "params": {name: ref.shown(value) for name, value in params.items()},
            "shape": None if shape is None else "x".join(map(str, shape)),
            "material": [
                {"name": name, "shape": sides, "type": code, "values": values}
                for name, sides, code, values in material
            ],
            "fingerprint": ref.fingerprint(secret, scheme, params, shape, material).hex(),
        }


def unit_cases():
    for secret, salt, name in ((COUNTING, bytes(16), b"train/0"), (HASHED, SALT, b"test/cat/a.png")):
        schedule, sample = ref.Schedule(secret, "rmt"), ref.sample_id(name)
        # 264 numbers reach beyond a buffer of 256.
        units = schedule.image_units("rmt-noise", salt, sample, 264)
        yield {
            "secret": secret.hex(),
            "scheme": "rmt",
            "purpose": "rmt-noise",
            "salt": salt.hex(),
            "sample": sample.hex(),
            "units": [int(u * 2**24) for u in units],
        }


def quantisation_cases():
    for low, high, top in ((-510.0, 510.0, 255), (-510.0, 535.0, 65535), (0.0, 1020.0, 255)):
        span = high - low
        values = [low - 1.0, low, low + span / 3, 0.0, 0.4, 127.5, -17.25, high - span / 510, high, high + 9.0]
        rows = [(v, *ref.quantise(low, high, top, v)) for v in map(ref.f32, values)]
        yield {
            "low": bits32(low),
            "high": bits32(high),
            "max": top,
            "step": bits64(rows[0][1]),
            "codes": [[bits32(value), code, bits32(decoded)] for value, _, code, decoded in rows],
        }


def schedule_json():
    names = [b"train/0", b"test/cat/a.png", b"", "train/Ž.png".encode(), b"train/\xff\xfe.png"]
    document = {
        "about": "written by reference.py; bytes and float bits in hexadecimal, big-endian",
        "samples": [{"name": name.hex(), "id": ref.sample_id(name).hex()} for name in names],
        "streams": list(stream_cases()),
        "fingerprints": list(fingerprint_cases()),
        "units": list(unit_cases()),
        "quantisation": list(quantisation_cases()),
    }
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode()


# --- derived/ -----------------------------------------------------------------------------------


def test_images(shape):
    """Random bytes; and a ramp between a black and a white quarter, where signed zeros and equal blocks show."""
    height, width, channels = shape
    size = height * width * channels
    noise = list(hashlib.shake_128(f"image {shape}".encode()).digest(size))
    ramp = []
    for r in range(height):
        for c in range(width):
            at = 4 * (r * width + c) / (height * width)
            ramp += [0 if at < 1 else 255 if at >= 3 else (r * 9 + c * 5 + k * 40) % 256 for k in range(channels)]
    return [noise, ramp]


def npz(code, shape, images):
    """An uncompressed .npz with the one array `images`; the same bytes every time."""
    dims = (len(images), *shape)
    text = f"{{'descr': '{code}', 'fortran_order': False, 'shape': ({', '.join(map(str, dims))}), }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    values = [v for image in images for v in image]
    kind = {"|u1": "B", "<f4": "f"}[code]
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
    array += struct.pack(f"<{len(values)}{kind}", *values)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("images.npy")
        member.create_system = 3
        archive.writestr(member, array)
    return buffer.getvalue()


def derived_files():
    """Names below vectors/ and contents."""
    entries = []
    schemes = [("rmt", RMT, RMT_CASES), ("aes", AES, AES_CASES)]
    for scheme, defaults, rows in schemes:
        for number, (case, shape, changes) in enumerate(rows):
            params, secret = defaults | changes, (COUNTING, HASHED)[number % 2]
            samples, plain = [b"train/0", b"test/cat/a.png"], test_images(shape)
            if scheme == "rmt":
                output, disguised = ref.rmt(secret, params, shape, SALT, samples, plain)
                code = "<f4"
            else:
                output, disguised = ref.aes(secret, params, shape, plain)
                code = "|u1"
            stem = f"derived/{scheme}/{case}"
            yield f"{stem}.in.npz", npz("|u1", shape, plain)
            yield f"{stem}.out.npz", npz(code, output, disguised)
            entries.append(
                {
                    "scheme": scheme,
                    "case": case,
                    "params": {name: ref.shown(value) for name, value in params.items()},
                    "shape": "x".join(map(str, shape)),
                    "output": "x".join(map(str, output)),
                    "secret": secret.hex(),
                    "salt": SALT.hex(),
                    "samples": [name.decode() for name in samples],
                    "fingerprint": ref.fingerprint(secret, scheme, params, shape).hex(),
                }
            )
    yield "derived/index.json", (json.dumps(entries, indent=1) + "\n").encode()


def main(check):
    files = {"schedule.json": schedule_json()} | dict(derived_files())
    stale = []
    for name, content in files.items():
        path = HERE / name
        if check:
            if not path.exists() or path.read_bytes() != content:
                stale.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    if stale:
        sys.exit("not what reference.py writes: " + ", ".join(stale))
    print(f"{len(files)} files {'agree' if check else 'written'}")
