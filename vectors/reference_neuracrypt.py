"""The second implementation of neuracrypt (SPEC.md 6.13)."""

import math

import reference as ref
from reference import chunks, f32

CALIBRATION = 64
EPSILON = 1e-5
BYTE = f32(1.0 / 255.0)


def uniform(stream, count, fan_in):
    bound = 1.0 / math.sqrt(fan_in)
    return [f32((2.0 * stream.unit() - 1.0) * bound) for _ in range(count)]


def as_floats(image):
    """Bytes become f32s in 0..1; floats are taken as they are."""
    return [f32(f32(v) * BYTE) if isinstance(v, int) else f32(v) for v in image]


def relu(values):
    return [v if v > 0.0 else 0.0 for v in values]


def linear(rows, bias, values):
    """Dot products in f32 with k ascending; the bias is added last."""
    out = []
    for row, b in zip(rows, bias):
        result = f32(row[0] * values[0])
        for w, v in zip(row[1:], values[1:]):
            result = f32(result + f32(w * v))
        out.append(f32(result + b))
    return out


class Network:
    """The layers as lists of rows."""

    def __init__(self, params, shape, material):
        self.grid, self.width = ref.Grid(shape, params["patch"]), params["width"]
        names = ("conv_w", "conv_b", "lin_w", "lin_b", "pos", "mix_w", "mix_b")
        rounded = {name: [f32(v) for v in material[name]] for name in names}
        fan_in = params["patch"] ** 2 * shape[2]
        self.conv = chunks(rounded["conv_w"], fan_in), rounded["conv_b"]
        matrices = chunks(chunks(rounded["lin_w"], self.width), self.width)
        self.layers = list(zip(matrices, chunks(rounded["lin_b"], self.width)))
        self.pos = chunks(rounded["pos"], self.width)
        self.mix = chunks(rounded["mix_w"], self.width), rounded["mix_b"]

    def tokens(self, image):
        """The patches of an image after the convolution."""
        grid, padded = self.grid, self.grid.pad(as_floats(image))
        patches = (
            [padded[p] for channel in range(grid.channels) for p in grid.places(position, channel)]
            for position in range(grid.positions)
        )
        return [relu(linear(*self.conv, patch)) for patch in patches]

    def finish(self, tokens, order):
        out = []
        for token, place in zip(tokens, self.pos):
            moved = relu([f32(t + p) for t, p in zip(token, place)])
            out.append(linear(*self.mix, moved))
        return [value for source in order for value in out[source]]


def moments(tokens, width):
    """Mean and biased variance of each feature, sums in doubles from the first token to the last."""
    means, variances = [], []
    for feature in range(width):
        mean = ref.total(token[feature] for token in tokens) / len(tokens)
        squares = ref.total((token[feature] - mean) * (token[feature] - mean) for token in tokens)
        means.append(mean)
        variances.append(squares / len(tokens))
    return means, variances


def normalise(tokens, means, variances):
    roots = [math.sqrt(variance + EPSILON) for variance in variances]
    scale = [f32(1.0 / root) for root in roots]
    shift = [f32(-mean / root) for mean, root in zip(means, roots)]
    return [relu([f32(f32(t * a) + b) for t, a, b in zip(token, scale, shift)]) for token in tokens]


def run_layers(network, tokens, fixed):
    """All layers, with the given statistics or, where there are none, those of these tokens.
    Gives the tokens and the statistics."""
    statistics = []
    for number, layer in enumerate(network.layers):
        tokens = [linear(*layer, token) for token in tokens]
        statistics.append(fixed[number] if fixed else moments(tokens, network.width))
        tokens = normalise(tokens, *statistics[-1])
    return tokens, statistics


# --- Derivation ---------------------------------------------------------------------------------


def between(first, second, part):
    return first + (second - first) * part


def calibration_image(stream, shape):
    """A smooth picture: a 3 x 3 grid of random bytes, interpolated."""
    height, width, channels = shape
    grid = [stream.below(256) for _ in range(9 * channels)]

    def at(place, last):
        """The lower of the two grid lines and how far the place is beyond it."""
        coordinate = place * 2 / max(last, 1)
        line = min(int(coordinate), 1)
        return line, coordinate - line

    image = []
    for r in range(height):
        row, down = at(r, height - 1)
        for c in range(width):
            column, right = at(c, width - 1)
            for k in range(channels):
                corner = (3 * row + column) * channels + k
                upper = between(grid[corner], grid[corner + channels], right)
                corner += 3 * channels
                lower = between(grid[corner], grid[corner + channels], right)
                image.append(math.floor(between(upper, lower, down) + 0.5))
    return image


def neuracrypt_material(schedule, params, shape, run):
    grid, width, depth = ref.Grid(shape, params["patch"]), params["width"], params["depth"]
    fan_in = params["patch"] ** 2 * shape[2]
    stream = schedule.stream("neuracrypt-patch")
    material = {"conv_w": uniform(stream, width * fan_in, fan_in), "conv_b": uniform(stream, width, fan_in)}
    material |= {"lin_w": [], "lin_b": []}
    for layer in range(depth):
        stream = schedule.stream("neuracrypt-layer", [layer])
        material["lin_w"] += uniform(stream, width * width, width)
        material["lin_b"] += uniform(stream, width, width)
    stream = schedule.stream("neuracrypt-mix")
    material |= {"mix_w": uniform(stream, width * width, width), "mix_b": uniform(stream, width, width)}
    stream = schedule.stream("neuracrypt-position")
    material["pos"] = [f32(stream.normal()) for _ in range(grid.positions * width)]
    if params["statistics"] == "fixed":
        network = Network(params, shape, material)
        pictures = max(1, min(CALIBRATION, 16384 // grid.positions))
        streams = (schedule.stream("neuracrypt-calibration", [i]) for i in range(pictures))
        # The pictures have the padded size, so that padding them again changes nothing.
        network.grid = ref.Grid(grid.padded, params["patch"])
        tokens = [t for stream in streams for t in network.tokens(calibration_image(stream, grid.padded))]
        _, statistics = run_layers(network, tokens, None)
        material["bn_mean"] = [v for means, _ in statistics for v in means]
        material["bn_var"] = [v for _, variances in statistics for v in variances]
    samplers = (schedule.image_sampler("neuracrypt-order", run.salt, i) for i in run.ids)
    material["patch_perm"] = [place for s in samplers for place in s.permutation(grid.positions)]
    return material


def neuracrypt(params, shape, material, images):
    """Images of (tokens, width, 1) f32s."""
    network, width = Network(params, shape, material), params["width"]
    positions = network.grid.positions
    fixed = None
    if "bn_mean" in material:
        fixed = list(zip(chunks(material["bn_mean"], width), chunks(material["bn_var"], width)))
    # With fixed statistics every image is a group of its own.
    groups = chunks(list(images), 1 if fixed else params["batch"])
    tokens = []
    for group in groups:
        found = [token for image in group for token in network.tokens(image)]
        tokens += run_layers(network, found, fixed)[0]
    orders = chunks(material["patch_perm"], positions)
    disguised = [
        network.finish(own, orders[i % len(orders)]) for i, own in enumerate(chunks(tokens, positions))
    ]
    return (positions, width, 1), disguised
