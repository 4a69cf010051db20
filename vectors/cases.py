"""What reference.py writes: schedule.json, and derived/ from derived_cases.py."""

import json
import pathlib
import struct
import sys

import derived_cases
import reference as ref
from derived_cases import COUNTING, DEFAULTS, HASHED, SALT

HERE = pathlib.Path(__file__).resolve().parent


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
            # 70 bits end in the second word.
            "bits": "".join(map(str, fresh().bits(70))),
            "permutations": [fresh().permutation(n) for n in (0, 1, 2, 16, 49)],
            "normals": [bits64(normals.normal()) for _ in range(25)],
            "haar": [{"side": n, "rows": matrix_bits(ref.haar(fresh(), n))} for n in (1, 2, 4, 7)],
            "projection": [projection_case(fresh(), n, c) for n, c in ((1, 1.0), (3, 1000.0), (4, 20.5))],
        }


def projection_case(stream, side, bound):
    rows, back = ref.projection(stream, side, bound)
    return {"side": side, "bound": bits64(bound), "rows": matrix_bits(rows), "inverse": matrix_bits(back)}


def fingerprint_cases():
    rmt, aes = DEFAULTS["rmt"], DEFAULTS["aes"]
    key = list(range(16))
    turn = [1.0, 0.0, 0.0, 1.0, 0.0, -1.0, 1.0, 0.0]
    for secret, scheme, params, shape, material in (
        (COUNTING, "rmt", rmt, (28, 28, 1), ()),
        (HASHED, "rmt", rmt | {"noise": 0.1, "condition": 250000.5}, (10, 9, 3), ()),
        (HASHED, "rmt", rmt | {"noise": 1.5e-7, "condition": 1e6}, (10, 9, 3), ()),
        (COUNTING, "aes", aes, (28, 28, 1), ()),
        (COUNTING, "aes", aes | {"per_position": False, "shuffle": False}, None, ()),
        (
            COUNTING,
            "aes",
            aes | {"per_position": False},
            (8, 8, 1),
            [("block_perm", (4,), "q", [3, 1, 0, 2]), ("key", (16,), "B", key)],
        ),
        (HASHED, "rmt", rmt | {"block": 2}, (2, 4, 1), [("R", (2, 2, 2), "d", turn)]),
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


def sampler_cases():
    for secret, name, encoding in ((COUNTING, b"train/0", 0), (HASHED, b"test/cat/a.png", 2**40 + 1)):
        schedule, sample = ref.Schedule(secret, "rmt"), ref.sample_id(name)

        def fresh():
            return schedule.image_sampler("rmt-noise", SALT, sample, encoding)

        words, normals = fresh(), fresh()
        source = schedule.image_bytes("rmt-noise", SALT, sample, encoding)
        yield {
            "secret": secret.hex(),
            "scheme": "rmt",
            "purpose": "rmt-noise",
            "salt": SALT.hex(),
            "sample": sample.hex(),
            "encoding": str(encoding),
            "bytes": bytes(next(source) for _ in range(70)).hex(),
            "u64": [f"{words.u64():016x}" for _ in range(70)],
            "permutation": fresh().permutation(49),
            "normals": [bits64(normals.normal()) for _ in range(25)],
        }


def quantisation_cases():
    for low, high, top in ((-510.0, 510.0, 255), (-510.0, 535.0, 65535), (0.0, 1020.0, 255)):
        span = high - low
        inside = [low, low + span / 3, 0.0, 0.4, 127.5, -17.25, high - span / 510, high]
        values = [low - 1.0, *inside, high + 9.0]
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
        "samplers": list(sampler_cases()),
        "quantisation": list(quantisation_cases()),
    }
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode()


def main(check):
    files = {"schedule.json": schedule_json()} | dict(derived_cases.files())
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
