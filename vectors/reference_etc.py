"""The second implementation of etc and etc-gray (SPEC.md 6.8 and 6.9)."""

import reference as ref
from reference import chunks
from reference_blocks import by_blocks

# Source channels of the six orders RGB, GRB, BGR, RBG, BRG, GBR.
CHANNELS = [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1), (2, 0, 1), (1, 2, 0)]


def etc_codes(schedule, positions, names):
    """The codes of all positions, drawn from one stream position by position."""
    stream = schedule.stream("etc-blocks")
    draws = {
        "rotate": lambda: stream.below(4),
        "flip": lambda: 2 * stream.below(2),
        "negaposi": lambda: stream.below(2),
        "channel": lambda: stream.below(6),
    }
    codes = {name: [] for name in names}
    for _ in range(positions):
        for name in names:
            codes[name].append(draws[name]())
    return codes


def turn_block(values, side, rotate, negaposi, flip, channel):
    """One block of `side` x `side` pixels: rotate, invert, flip, order the channels."""
    rows = chunks(chunks(values, len(values) // (side * side)), side)
    for _ in range((rotate + 1) % 4):
        # A quarter counter-clockwise: the last column becomes the first row.
        rows = [[row[side - 1 - r] for row in rows] for r in range(side)]
    if negaposi == 0:
        rows = [[[255 - v for v in pixel] for pixel in row] for row in rows]
    if flip == 0:
        rows = rows[::-1]
    elif flip == 1:
        rows = [row[::-1] for row in rows]
    order = CHANNELS[channel]
    return [
        v
        for row in rows
        for pixel in row
        for v in ([pixel[c] for c in order] if len(pixel) == 3 else pixel)
    ]


def turn_blocks(grid, image, material):
    rotate, negaposi, flip = material["rotate"], material["negaposi"], material["flip"]
    channel = material.get("channel", [0] * grid.positions)

    def change(i, values):
        return turn_block(values, grid.block, rotate[i], negaposi[i], flip[i], channel[i])

    return by_blocks(grid, image, material.get("block_perm", range(grid.positions)), change)


# --- SPEC.md 6.8: etc ---------------------------------------------------------------------------


def etc_material(schedule, params, shape, run):
    positions = ref.Grid(shape, params["block"]).positions
    codes = etc_codes(schedule, positions, ["rotate", "flip", "negaposi", "channel"])
    return codes | {"block_perm": ref.block_order(schedule, params["shuffle"], positions)}


def etc(params, shape, material, images):
    grid = ref.Grid(shape, params["block"])
    return grid.padded, [turn_blocks(grid, image, material) for image in images]


# --- SPEC.md 6.9: etc-gray ----------------------------------------------------------------------


def byte(value):
    return max(0, min(255, value))


def ycbcr(r, g, b):
    """Integers throughout; >> rounds down, so that adding a half before it rounds half up."""
    y = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16
    cb = ((-11059 * r - 21709 * g + 32768 * b + 32768) >> 16) + 128
    cr = ((32768 * r - 27439 * g - 5329 * b + 32768) >> 16) + 128
    return byte(y), byte(cb), byte(cr)


def rgb(y, cb, cr):
    """The way back; not needed to disguise, but it shows what is lost."""
    cb, cr = cb - 128, cr - 128
    r = y + ((91881 * cr + 32768) >> 16)
    g = y + ((-22554 * cb - 46802 * cr + 32768) >> 16)
    b = y + ((116130 * cb + 32768) >> 16)
    return byte(r), byte(g), byte(b)


def gray_grid(params, shape):
    """Grid that pads the plain image, and grid of the one-channel image that is disguised."""
    halved = shape[2] == 3 and params["subsampling"] == "420"
    plain = ref.Grid(shape, params["block"] * (2 if halved else 1))
    height, width, channels = plain.padded
    planes = width if channels == 1 else width * 3 // 2 if halved else width * 3
    return plain, ref.Grid((height, planes, 1), params["block"])


def halve(plane, width):
    """Means of 2 x 2 values, rows one after the other."""
    return [
        [(a + b + c + d + 2) >> 2 for a, b, c, d in zip(upper[::2], upper[1::2], lower[::2], lower[1::2])]
        for upper, lower in zip(chunks(plane, width)[::2], chunks(plane, width)[1::2])
    ]


def gray_image(params, shape, image):
    plain, _ = gray_grid(params, shape)
    padded = plain.pad(image)
    if shape[2] == 1:
        return padded
    width = plain.padded[1]
    y, cb, cr = zip(*(ycbcr(*pixel) for pixel in chunks(padded, 3)))
    if params["subsampling"] == "420":
        right = halve(cb, width) + halve(cr, width)
        lines = zip(chunks(y, width), right)
        return [v for line in lines for part in line for v in part]
    lines = zip(chunks(y, width), chunks(cb, width), chunks(cr, width))
    return [v for line in lines for part in line for v in part]


def etc_gray_material(schedule, params, shape, run):
    positions = gray_grid(params, shape)[1].positions
    codes = etc_codes(schedule, positions, ["rotate", "flip", "negaposi"])
    return codes | {"block_perm": ref.block_order(schedule, params["shuffle"], positions)}


def etc_gray(params, shape, material, images):
    _, grid = gray_grid(params, shape)
    return grid.padded, [turn_blocks(grid, gray_image(params, shape, image), material) for image in images]


def self_check():
    """The way back is at most one level off (SPEC.md 6.9)."""
    steps = [*range(0, 256, 15), 1, 2, 127, 128, 253, 254]
    colours = ((r, g, b) for r in steps for g in steps for b in steps)
    worst = max(abs(p - q) for colour in colours for p, q in zip(colour, rgb(*ycbcr(*colour))))
    assert worst <= 1, f"YCbCr and back is off by {worst}"
    assert ycbcr(0, 0, 0) == (0, 128, 128) and ycbcr(255, 255, 255) == (255, 128, 128), "grey has no chroma"
