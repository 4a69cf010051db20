"""The second implementation of tanaka, ele, skk, shf, negpos and ffx (SPEC.md 6.5 to 6.7, 6.10 to 6.12)."""

import math

import reference as ref
from reference import chunks, f32


def places(grid, position):
    """Indices of one block within a padded image in the order (row, column, channel)."""
    return sorted(p for channel in range(grid.channels) for p in grid.places(position, channel))


def by_blocks(grid, image, order, change):
    """Output block i is `change(source, values)` of source block `order[i]`, all channels together."""
    padded = grid.pad(image)
    out = [None] * len(padded)
    for target, source in enumerate(order):
        values = change(source, [padded[p] for p in places(grid, source)])
        for place, value in zip(places(grid, target), values):
            out[place] = value
    return out


def every_block(params, shape, images, change):
    """The padded shape and the images with `change` applied to every block where it stands."""
    grid = ref.Grid(shape, params["block"])
    order = range(grid.positions)
    return grid.padded, [by_blocks(grid, image, order, lambda _, values: change(values)) for image in images]


def block_values(params, shape):
    return params["block"] ** 2 * shape[2]


# --- SPEC.md 6.5: tanaka ------------------------------------------------------------------------


def nibble_key(stream, count, flips):
    """A permutation of `count` nibbles and the mask of those that are inverted."""
    perm = stream.permutation(count)
    if flips == "independent":
        return perm, stream.bits(count)
    reversed_ = [2 * p > count for p in perm]
    return perm, [int(reversed_[j] != reversed_[perm[j]]) for j in range(count)]


def move_nibbles(values, perm, flip):
    nibbles = [v & 15 for v in values] + [v >> 4 for v in values]
    out = [nibbles[p] ^ 15 * f for p, f in zip(perm, flip)]
    return [low | high << 4 for low, high in zip(out, out[len(values) :])]


def tanaka_material(schedule, params, shape, run):
    perm, flip = nibble_key(schedule.stream("tanaka-key"), 2 * block_values(params, shape), params["flips"])
    return {"perm": perm, "flip": flip}


def tanaka(params, shape, material, images):
    perm, flip = material["perm"], material["flip"]
    return every_block(params, shape, images, lambda values: move_nibbles(values, perm, flip))


# --- SPEC.md 6.6: ele ---------------------------------------------------------------------------


def ele_material(schedule, params, shape, run):
    positions = ref.Grid(shape, params["block"]).positions
    count = 2 * block_values(params, shape)
    keys = [nibble_key(schedule.stream("ele-key", [i]), count, params["flips"]) for i in range(positions)]
    return {
        "perm": [place for perm, _ in keys for place in perm],
        "flip": [bit for _, flip in keys for bit in flip],
        "block_perm": ref.block_order(schedule, params["shuffle"], positions),
    }


def ele(params, shape, material, images):
    grid, count = ref.Grid(shape, params["block"]), 2 * block_values(params, shape)
    perms, flips = chunks(material["perm"], count), chunks(material["flip"], count)
    order = material.get("block_perm", range(grid.positions))

    def change(source, values):
        return move_nibbles(values, perms[source], flips[source])

    return grid.padded, [by_blocks(grid, image, order, change) for image in images]


# --- SPEC.md 6.7: skk ---------------------------------------------------------------------------

ORDERS = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


def skk_image_key(source, shape, colour):
    """The mask and the colour numbers of one image from the bytes of its stream."""
    size, pixels = math.prod(shape), shape[0] * shape[1]
    bytes_ = [next(source) for _ in range(-(-size // 8))]
    numbers = []
    while colour and len(numbers) < pixels:
        byte = next(source)
        if byte < 252:
            numbers.append(byte % 6)
    return [bytes_[i // 8] >> i % 8 & 1 for i in range(size)], numbers


def skk_material(schedule, params, shape, run):
    colour = params["color"] and shape[2] == 3
    if params["image_key"]:
        keys = [skk_image_key(schedule.image_bytes("skk-image", run.salt, i), shape, colour) for i in run.ids]
        masks = [bit for mask, _ in keys for bit in mask]
        numbers = [number for _, numbers in keys for number in numbers]
    else:
        masks = schedule.stream("skk-negative").bits(math.prod(shape))
        stream = schedule.stream("skk-color")
        numbers = [stream.below(6) for _ in range(shape[0] * shape[1])] if colour else []
    return {"neg_mask": masks, "color_perm": numbers} if colour else {"neg_mask": masks}


def skk(params, shape, material, images):
    """A key for one image serves all; otherwise there is one for each."""
    masks = chunks(material["neg_mask"], math.prod(shape))
    numbers = chunks(material.get("color_perm", []), shape[0] * shape[1])
    disguised = []
    for i, image in enumerate(images):
        values = [v ^ 255 * bit for v, bit in zip(image, masks[i % len(masks)])]
        if numbers and shape[2] == 3:
            pixels = zip(chunks(values, 3), numbers[i % len(numbers)])
            values = [pixel[c] for pixel, number in pixels for c in ORDERS[number]]
        disguised.append(values)
    return shape, disguised


# --- SPEC.md 6.10 to 6.12: shf, negpos, ffx -----------------------------------------------------


def shf_material(schedule, params, shape, run):
    return {"perm": schedule.stream("shf-key").permutation(block_values(params, shape))}


def shf(params, shape, material, images):
    return every_block(params, shape, images, lambda values: [values[p] for p in material["perm"]])


def half_mask(stream, count):
    return [int(2 * place > count) for place in stream.permutation(count)]


def negpos_material(schedule, params, shape, run):
    return {"mask": half_mask(schedule.stream("negpos-key"), block_values(params, shape))}


def negpos(params, shape, material, images):
    def change(values):
        return [255 - v if masked else v for v, masked in zip(values, material["mask"])]

    return every_block(params, shape, images, change)


def ffx_material(schedule, params, shape, run):
    return {
        "mask": half_mask(schedule.stream("ffx-mask"), block_values(params, shape)),
        "lut": schedule.stream("ffx-lut").permutation(1000)[:256],
    }


def ffx(params, shape, material, images):
    lut, largest = material["lut"], max(material["lut"])

    def change(values):
        codes = (lut[v] if masked else v for v, masked in zip(values, material["mask"]))
        return [f32(code / largest) for code in codes]

    return every_block(params, shape, images, change)
