#!/usr/bin/env python3
"""A second implementation of SPEC.md, sections 2 to 6, on the standard library alone.

    python3 vectors/reference.py            checks itself, then rewrites schedule.json and derived/
    python3 vectors/reference.py --check    checks itself and that the files are up to date

The schemes are here (rmt, aes) and in reference_blocks.py, reference_etc.py, reference_instahide.py
and reference_neuracrypt.py; reference_schemes.py lists them. Each is two functions: one derives the
material under the names of SPEC.md 7, flat and row-major, the other disguises images with material,
which may as well be explicit. authors.py gives it the material of the authors' cases.

It is slow and short on purpose. Python's floats are IEEE doubles that are never fused or
reordered; 32-bit arithmetic is done in doubles and rounded after every operation, which gives
the same bits because a double has more than twice as many digits (SPEC.md 1).
"""

import decimal
import hashlib
import math
import struct
import sys

sys.dont_write_bytecode = True

import reference_ciphers as ciphers  # noqa: E402

DOMAIN = b"visard key schedule v1"


# --- SPEC.md 3.3: the natural logarithm of fdlibm, for positive normal numbers ------------------

LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
LOG_ODD = [0x3FE5555555555593, 0x3FD2492494229359, 0x3FC7466496CB03DE, 0x3FC2F112DF3E5244]
LOG_EVEN = [0x3FD999999997FA04, 0x3FCC71C51D8E78AF, 0x3FC39A09D078C69F]


def from_bits(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def horner(coefficients, w):
    total = from_bits(coefficients[-1])
    for bits in reversed(coefficients[:-1]):
        total = from_bits(bits) + w * total
    return total


def log(x):
    mantissa, exponent = math.frexp(x)
    mantissa, exponent = 2.0 * mantissa, exponent - 1
    # The upper 20 bits of the fraction decide on which side of sqrt(2) a number counts.
    if int((mantissa - 1.0) * 2.0**20) >= 0x6A09E:
        mantissa, exponent = 0.5 * mantissa, exponent + 1
    f = mantissa - 1.0
    if f == 0.0 and exponent == 0:
        return 0.0
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    r = z * horner(LOG_ODD, w) + w * horner(LOG_EVEN, w)
    k = float(exponent)
    return s * (half_square + r) + k * LN2_LOW - half_square + f + k * LN2_HIGH


# --- SPEC.md 3: sampling ------------------------------------------------------------------------


class Stream:
    """Random values from the bytes of a key stream."""

    def __init__(self, source):
        self.bytes = source
        self.spare = None

    def u64(self):
        return int.from_bytes(bytes(next(self.bytes) for _ in range(8)), "little")

    def below(self, bound):
        limit = 2**64 - 2**64 % bound
        while True:
            word = self.u64()
            if word < limit:
                return word % bound

    def unit(self):
        return (self.u64() >> 11) * 2.0**-53

    def bits(self, count):
        """0s and 1s; what is left of the last word is not used."""
        words = [self.u64() for _ in range(-(-count // 64))]
        return [words[i // 64] >> i % 64 & 1 for i in range(count)]

    def permutation(self, length):
        order = list(range(length))
        for i in range(length - 1, 0, -1):
            j = self.below(i + 1)
            order[i], order[j] = order[j], order[i]
        return order

    def normal(self):
        if self.spare is not None:
            value, self.spare = self.spare, None
            return value
        while True:
            u = 2.0 * self.unit() - 1.0
            v = 2.0 * self.unit() - 1.0
            s = u * u + v * v
            if 0.0 < s < 1.0:
                factor = math.sqrt(-2.0 * log(s) / s)
                self.spare = v * factor
                return u * factor


def total(values):
    """Adds from the first to the last; Python's own sum compensates in newer versions."""
    result = 0.0
    for value in values:
        result = result + value
    return result


def haar(stream, n):
    """SPEC.md 3.4; a list of rows."""
    a = [[stream.normal() for _ in range(n)] for _ in range(n)]
    q = identity(n)
    for k in range(n):
        norm = math.sqrt(total(a[i][k] * a[i][k] for i in range(k, n)))
        v = [a[i][k] if i >= k else 0.0 for i in range(n)]
        v[k] = v[k] - (-norm if a[k][k] > 0.0 else norm)
        length = total(v[i] * v[i] for i in range(k, n))
        if length > 0.0:
            for column in range(k, n):
                scale = 2.0 * total(v[i] * a[i][column] for i in range(k, n)) / length
                for i in range(k, n):
                    a[i][column] = a[i][column] - scale * v[i]
            for row in q:
                scale = 2.0 * total(row[i] * v[i] for i in range(k, n)) / length
                for i in range(k, n):
                    row[i] = row[i] - scale * v[i]
    for k in range(n):
        if a[k][k] < 0.0:
            for row in q:
                row[k] = -row[k]
    return q


def identity(n):
    return [[1.0 if i == j else 0.0 for j in range(n)] for i in range(n)]


def inverse(matrix):
    """SPEC.md 3.5: Gauss-Jordan with partial pivoting; None if a pivot is below 1e-12."""
    n = len(matrix)
    a, b = [list(row) for row in matrix], identity(n)
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(a[i][k]))
        value = a[pivot][k]
        if abs(value) < 1e-12:
            return None
        for m in (a, b):
            m[k], m[pivot] = m[pivot], m[k]
            m[k] = [x / value for x in m[k]]
        for i in range(n):
            if i != k:
                factor = a[i][k]
                for m in (a, b):
                    m[i] = [x - factor * y for x, y in zip(m[i], m[k])]
    return b


def frobenius(matrix):
    return math.sqrt(total(x * x for row in matrix for x in row))


def projection(stream, n, bound):
    for _ in range(1000):
        a = [[stream.unit() for _ in range(n)] for _ in range(n)]
        b = inverse(a)
        if b is not None and frobenius(a) * frobenius(b) <= bound:
            return a, b
    raise ValueError("no projection within 1000 draws")


# --- SPEC.md 2: the key schedule ----------------------------------------------------------------


class Schedule:
    def __init__(self, secret, scheme):
        self.key, self.scheme = ciphers.hkdf_extract(DOMAIN, secret), scheme.encode()

    def expand(self, purpose, context, length):
        purpose = purpose.encode()
        info = bytes([len(self.scheme)]) + self.scheme + bytes([len(purpose)]) + purpose
        return ciphers.hkdf_expand(self.key, info + context, length)

    def derive(self, purpose, index, length):
        return self.expand(purpose, struct.pack(f">{len(index)}Q", *index), length)

    def stream(self, purpose, index=()):
        return Stream(ciphers.keystream(self.derive(purpose, index, 32), bytes(12)))

    def image_bytes(self, purpose, salt, sample, encoding=0):
        """SPEC.md 4.3: the stream of one encoding of one image."""
        return ciphers.keystream(self.expand(purpose, salt, 32), sample + struct.pack("<Q", encoding))

    def image_sampler(self, purpose, salt, sample, encoding=0):
        return Stream(self.image_bytes(purpose, salt, sample, encoding))

    def image_units(self, purpose, salt, sample, count):
        """`count` numbers of 24 bits in [0, 1)."""
        source = self.image_bytes(purpose, salt, sample)
        words = (int.from_bytes(bytes(next(source) for _ in range(4)), "little") for _ in range(count))
        return [(word >> 8) * 2.0**-24 for word in words]


class Run:
    """What per-image material depends on: the salt, the names of the samples, and the images of the
    public gallery, in one list, with their number. The private gallery is the samples themselves."""

    def __init__(self, salt, names, public=(), public_count=0):
        self.salt, self.ids = salt, [sample_id(name) for name in names]
        self.public, self.public_count = list(public), public_count


def sample_id(name):
    return hashlib.sha256(b"visard-sample\0" + name).digest()[:16]


def shown(value):
    """SPEC.md 2.4: a parameter as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        digits = format(decimal.Decimal(repr(value)), "f")
        return digits.removesuffix(".0")
    return str(value)


def fingerprint(secret, scheme, params, shape, material=()):
    """SPEC.md 2.4; material is (name, shape, struct code, values) in the order of the names."""
    texts = " ".join(f"{name}={shown(params[name])}" for name in sorted(params))
    shape = "any" if shape is None else "x".join(map(str, shape))
    context = f"{scheme}\n{texts}\n{shape}\n".encode()
    for name, sides, code, values in material:
        context += f"{name}[{', '.join(map(str, sides))}]\n".encode()
        context += struct.pack(f"<{len(values)}{code}", *values)
    return Schedule(secret, scheme).expand("fingerprint", hashlib.sha256(context).digest(), 16)


# --- SPEC.md 5: geometry ------------------------------------------------------------------------


class Grid:
    """Blocks of b x b pixels over an image of `shape`, continued to whole blocks."""

    def __init__(self, shape, block):
        self.shape, self.block = shape, block
        height, width, self.channels = shape
        self.rows, self.columns = -(-height // block), -(-width // block)
        self.padded = (self.rows * block, self.columns * block, self.channels)
        self.positions = self.rows * self.columns

    def pad(self, image):
        height, width, channels = self.shape
        padded_height, padded_width, _ = self.padded
        return [
            image[(min(r, height - 1) * width + min(c, width - 1)) * channels + k]
            for r in range(padded_height)
            for c in range(padded_width)
            for k in range(channels)
        ]

    def places(self, position, channel):
        """Indices of one channel of one block within a padded image, row by row."""
        top, left = position // self.columns * self.block, position % self.columns * self.block
        width = self.padded[1]
        return [
            ((top + r) * width + left + c) * self.channels + channel
            for r in range(self.block)
            for c in range(self.block)
        ]

    def transform(self, image, order, change):
        """Output block i is `change(source, values)` of source block `order[i]`, channel by channel."""
        out = [None] * len(image)
        for target, source in enumerate(order):
            for channel in range(self.channels):
                values = change(source, [image[p] for p in self.places(source, channel)])
                for place, value in zip(self.places(target, channel), values):
                    out[place] = value
        return out


def block_order(schedule, shuffle, positions):
    """SPEC.md 5.4."""
    return schedule.stream("block-permutation").permutation(positions) if shuffle else list(range(positions))


def chunks(values, size):
    return [values[i : i + size] for i in range(0, len(values), size)]


# --- SPEC.md 6.1: rmt ---------------------------------------------------------------------------

SINGLE = struct.Struct("<f")


def f32(value):
    return SINGLE.unpack(SINGLE.pack(value))[0]


def rmt_matrix(schedule, params, position):
    stream, side = schedule.stream("rmt-matrix", [position]), params["block"]
    if params["matrix"] == "projection":
        rows, _ = projection(stream, side, params["condition"])
    else:
        rows = haar(stream, side)
    return [x for row in rows for x in row]


def rmt_material(schedule, params, shape, run):
    grid, width = Grid(shape, params["block"]), f32(params["noise"])
    matrices = [rmt_matrix(schedule, params, i) for i in range(grid.positions)]
    material = {"R": [x for matrix in matrices for x in matrix]}
    material["block_perm"] = block_order(schedule, params["shuffle"], grid.positions)
    if width > 0.0:
        units = (schedule.image_units("rmt-noise", run.salt, i, math.prod(grid.padded)) for i in run.ids)
        material["noise"] = [f32(unit * width) for image in units for unit in image]
    return material


def mix(values, matrix, side):
    """Every row of a block times the matrix: products added with k ascending."""
    out = []
    for row in chunks(values, side):
        for j in range(side):
            result = f32(row[0] * matrix[j])
            for k in range(1, side):
                result = f32(result + f32(row[k] * matrix[k * side + j]))
            out.append(result)
    return out


def rmt(params, shape, material, images):
    """The padded shape and the disguised images, lists of floats."""
    side = params["block"]
    grid = Grid(shape, side)
    matrices = chunks([f32(x) for x in material["R"]], side * side)
    order = material.get("block_perm", range(grid.positions))
    noises = chunks(material.get("noise", []), math.prod(grid.padded)) or [None] * len(images)
    disguised = []
    for image, noise in zip(images, noises):
        values = [float(v) for v in grid.pad(image)]
        if noise and params["noise_stage"] == "before":
            values = [f32(v + n) for v, n in zip(values, noise)]
        values = grid.transform(values, order, lambda i, block: mix(block, matrices[i], side))
        if noise and params["noise_stage"] == "after":
            values = [f32(v + n) for v, n in zip(values, noise)]
        disguised.append(values)
    return grid.padded, disguised


# --- SPEC.md 6.2: aes ---------------------------------------------------------------------------


def aes_material(schedule, params, shape, run):
    positions = Grid(shape, params["block"]).positions
    keys = (schedule.derive("aes-key", [i], 16) for i in range(positions if params["per_position"] else 1))
    order = block_order(schedule, params["shuffle"], positions)
    return {"keys": [byte for key in keys for byte in key], "block_perm": order}


def aes(params, shape, material, images):
    """The padded and enlarged shape and the disguised images, lists of bytes."""
    small = Grid(shape, params["block"])
    scale = {0: 1, 2: 2}.get(params["block"] % 4, 4)
    height, width, channels = small.padded
    large = Grid((height * scale, width * scale, channels), params["block"] * scale)
    keys = [ciphers.aes128_round_keys(bytes(key)) for key in chunks(material["keys"], 16)]
    order = material.get("block_perm", range(large.positions))

    def encrypt(position, values):
        key = keys[position % len(keys)]
        return b"".join(ciphers.aes128_encrypt(key, run) for run in chunks(values, 16))

    disguised = []
    for image in images:
        padded = small.pad(image)
        enlarged = [
            padded[(r // scale * width + c // scale) * channels + k]
            for r in range(height * scale)
            for c in range(width * scale)
            for k in range(channels)
        ]
        disguised.append(large.transform(enlarged, order, encrypt))
    return large.padded, disguised


# --- SPEC.md 6.3: quantisation ------------------------------------------------------------------


def quantise(low, high, top, value):
    """The step, the code of a value, and what the code stands for."""
    step = (high - low) / top
    code = max(0, min(top, int((value - low) / step + 0.5)))
    return step, code, f32(low + step * code)


def self_check():
    """Compares the building blocks with published values and with the platform's logarithm."""
    ciphers.self_check()
    # The logarithm agrees with the platform's to an ulp, over many sizes and around 1.
    for i in range(1, 4000):
        for x in (i / 4000.0, i * 1e-30, 1.0 + i * 1e-9):
            assert abs(log(x) - math.log(x)) <= math.ulp(math.log(x)), f"log({x!r})"


if __name__ == "__main__":
    import authors
    import cases

    self_check()
    authors.check()
    cases.main("--check" in sys.argv[1:])
