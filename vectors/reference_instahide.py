"""The second implementation of instahide (SPEC.md 6.4)."""

import math
import struct

from reference import chunks, f32

CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
# Means and standard deviations of private and of public images.
NORMS = {"cifar10": (CIFAR10, IMAGENET), "imagenet": (IMAGENET, IMAGENET), "half": (HALF, HALF)}
REDRAWS = 10_000


def private_slots(params):
    if not params["cross"]:
        return params["k"]
    return min(params["k"], 2 if params["pair"] else (params["k"] + 1) // 2)


def coefficients(stream, params):
    """Coefficients in doubles; they are rounded when they are stored."""
    k = params["k"]
    for _ in range(1 + REDRAWS):
        weights = []
        for _ in range(k):
            size = abs(stream.normal())
            weight = size
            for _ in range(k - 1):
                weight = weight * size
            weights.append(weight)
        total = weights[0]
        for weight in weights[1:]:
            total = total + weight
        lams = [weight / total for weight in weights]
        too_much = k > 1 and max(lams) > params["c1"]
        too_little = params["cross"] and k > 1 and lams[0] + lams[1] < params["c2"]
        if not (too_much or too_little):
            break
    return lams


def partner_orders(schedule, params, run, encoding, split):
    """For each slot from 1 on, a permutation of the gallery that it takes images from."""
    salt = struct.unpack(">2Q", run.salt)
    private = private_slots(params)
    return [
        schedule.stream("instahide-partners", [*salt, split, encoding, slot]).permutation(
            len(run.ids) if slot < private else run.public_count
        )
        for slot in range(1, params["k"])
    ]


def instahide_material(schedule, params, shape, run):
    """Per output, `encodings` of them for each sample: coefficients, partners and signs."""
    size, k, encodings = math.prod(shape), params["k"], params["encodings"]
    orders = [partner_orders(schedule, params, run, e, 0) for e in range(encodings)]
    lams, partners, sign = [], [], []
    for place, sample in enumerate(run.ids):
        for e in range(encodings):
            stream = schedule.image_sampler("instahide-mix", run.salt, sample, e)
            lams += [f32(lam) for lam in coefficients(stream, params)]
            partners.append([order[place % len(order)] for order in orders[e]])
            source = schedule.image_bytes("instahide-sign", run.salt, sample, e)
            bits = [next(source) for _ in range(-(-size // 8))]
            sign += [-1 if bits[i // 8] >> i % 8 & 1 else 1 for i in range(size)]
    return {
        "lams": lams,
        "idx": [partners[output][slot] for slot in range(k - 1) for output in range(len(partners))],
        "sign": sign,
        "inside": [private_slots(params)],
        "pub": run.public,
    }


def normalisation(mean, std, channels):
    """Factor and shift of each channel; images without three channels use means over three."""
    if channels != len(mean):
        mean = [(mean[0] + mean[1] + mean[2]) / 3.0] * channels
        std = [(std[0] + std[1] + std[2]) / 3.0] * channels
    return [(f32(1.0 / (255.0 * s)), f32(-m / s)) for m, s in zip(mean, std)]


def slots_of(params, material, output, outputs):
    """Coefficient and place of each slot but the first, whose place is the sample's."""
    k = params["k"]
    lams = [f32(lam) for lam in chunks(material["lams"], k)[output]]
    places = [output // params["encodings"]] + [material["idx"][s * outputs + output] for s in range(k - 1)]
    return list(zip(lams, places))


def ordered_sum(terms):
    """f32 additions from the first to the last."""
    result = terms[0]
    for term in terms[1:]:
        result = f32(result + term)
    return result


def instahide(params, shape, material, images):
    size, channels = math.prod(shape), shape[2]
    private, public = NORMS[params["norm"]]
    own = normalisation(material.get("mean", private[0]), material.get("std", private[1]), channels)
    other = normalisation(material.get("pub_mean", public[0]), material.get("pub_std", public[1]), channels)
    inside, strangers = material["inside"][0], chunks(material.get("pub", []), size)
    outputs = len(images) * params["encodings"]
    signs, disguised = chunks(material["sign"], size), []
    for output in range(outputs):
        slots = slots_of(params, material, output, outputs)
        mine, theirs = slots[:inside], slots[inside:]
        weight = ordered_sum([lam for lam, _ in mine])
        if theirs:
            public_weight = ordered_sum([lam for lam, _ in theirs])
        values = []
        for i in range(size):
            g, h = own[i % channels]
            a = ordered_sum([f32(lam * images[place][i]) for lam, place in mine])
            value = f32(f32(a * g) + f32(weight * h))
            if theirs:
                g, h = other[i % channels]
                b = ordered_sum([f32(lam * strangers[place][i]) for lam, place in theirs])
                value = f32(value + f32(f32(b * g) + f32(public_weight * h)))
            values.append(-value if signs[output][i] < 0 else value)
        disguised.append(values)
    return shape, disguised


def soft_labels(params, material, labels, classes):
    """A row of weights for each output; the classes of public images are not known."""
    outputs, rows = len(labels) * params["encodings"], []
    for output in range(outputs):
        row = [0.0] * classes
        for lam, place in slots_of(params, material, output, outputs)[: material["inside"][0]]:
            row[labels[place]] = f32(row[labels[place]] + lam)
        rows.append(row)
    return rows
