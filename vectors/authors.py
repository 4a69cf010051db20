"""The second implementation under the explicit material of the authors' cases (index.json)."""

import ast
import json
import math
import pathlib
import struct
import zipfile

import reference as ref
import reference_etc
import reference_instahide
from reference_schemes import SCHEMES

HERE = pathlib.Path(__file__).resolve().parent
KINDS = {"|u1": "B", "|i1": "b", "<i8": "q", "<f4": "f", "<f8": "d"}

# What a case leaves to the defaults, or what follows from its material, by scheme.
DEFAULTS = {
    "rmt": {"noise_stage": "after"},
    "instahide": {"cross": False, "encodings": 1, "norm": "cifar10"},
    "etc-gray": {"subsampling": "444"},
    "neuracrypt": {"batch": 128},
}


def npz(path):
    """The arrays of an .npz file: shape and values, flat."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            raw = archive.read(member)
            assert raw[:8] == b"\x93NUMPY\x01\x00", member
            start = 10 + struct.unpack("<H", raw[8:10])[0]
            header = ast.literal_eval(raw[10:start].decode())
            assert not header["fortran_order"], member
            shape = header["shape"]
            values = struct.unpack_from(f"<{math.prod(shape)}{KINDS[header['descr']]}", raw, start)
            arrays[member.removesuffix(".npy")] = (shape, list(values))
    return arrays


def parameters(case, material):
    params = DEFAULTS.get(case["scheme"], {}) | case["params"]
    if case["scheme"] == "skk":
        params["color"] = "color_perm" in material
    if case["scheme"] == "neuracrypt":
        params["width"] = material["conv_w"][0][0]
    return params


def check_case(case):
    stem = f"{case['scheme']}/{case['case']}"
    arrays, plain, disguised = (npz(HERE / f"{stem}.{part}.npz") for part in ("material", "in", "out"))
    params = parameters(case, arrays)
    material = {name: values for name, (_, values) in arrays.items()}
    if "key" in material:
        material["keys"] = material.pop("key")
    (count, *shape), values = plain["images"]
    images = ref.chunks(values, len(values) // count)
    output, found = SCHEMES[case["scheme"]][1](params, tuple(shape), material, images)
    (_, *expected_shape), expected = disguised["images"]
    # Some authors' arrays leave out a last dimension of 1.
    assert list(output) == [*expected_shape, 1][:3], f"{stem}: {output}"
    compare(stem, [v for image in found for v in image], expected, case["tolerance"])
    path = HERE / f"{stem}.labels.npz"
    if path.exists():
        labels = npz(path)
        (_, classes), weights = labels["labels"]
        rows = reference_instahide.soft_labels(params, material, labels["y"][1], classes)
        compare(f"{stem}: labels", [w for row in rows for w in row], weights, case["tolerance"])


def compare(name, found, expected, tolerance):
    assert len(found) == len(expected), f"{name}: {len(found)} values instead of {len(expected)}"
    worst = max(abs(a - b) for a, b in zip(found, expected))
    assert worst <= tolerance, f"{name}: off by {worst}"


def check():
    """Compares with all cases of index.json."""
    reference_etc.self_check()
    cases = json.loads((HERE / "index.json").read_text())
    for case in cases:
        check_case(case)
    print(f"{len(cases)} authors' cases agree")
