"""The ciphers of SPEC.md: HKDF-SHA-256, ChaCha20, XChaCha20 and AES-128."""

import hashlib
import hmac
import struct

MASK32 = 0xFFFFFFFF


# --- SPEC.md 2.2: HKDF-SHA-256 (RFC 5869) -------------------------------------------------------


def hkdf_extract(salt, secret):
    return hmac.new(salt, secret, hashlib.sha256).digest()


def hkdf_expand(key, info, length):
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(key, block + info + bytes([counter]), hashlib.sha256).digest()
        out, counter = out + block, counter + 1
    return out[:length]


# --- SPEC.md 2.3: ChaCha20 (RFC 8439) and XChaCha20 (draft-irtf-cfrg-xchacha-03) ----------------


def rotate(word, bits):
    return (word << bits | word >> (32 - bits)) & MASK32


def quarter(x, a, b, c, d):
    x[a] = (x[a] + x[b]) & MASK32
    x[d] = rotate(x[d] ^ x[a], 16)
    x[c] = (x[c] + x[d]) & MASK32
    x[b] = rotate(x[b] ^ x[c], 12)
    x[a] = (x[a] + x[b]) & MASK32
    x[d] = rotate(x[d] ^ x[a], 8)
    x[c] = (x[c] + x[d]) & MASK32
    x[b] = rotate(x[b] ^ x[c], 7)


def chacha_start(key, tail):
    return list(struct.unpack("<16I", b"expand 32-byte k" + key + tail))


def chacha_rounds(state):
    x = list(state)
    for _ in range(10):
        for i in range(4):
            quarter(x, i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return x


def chacha20_block(key, counter, nonce):
    start = chacha_start(key, struct.pack("<I", counter) + nonce)
    words = [(a + b) & MASK32 for a, b in zip(start, chacha_rounds(start))]
    return struct.pack("<16I", *words)


def hchacha20(key, nonce16):
    words = chacha_rounds(chacha_start(key, nonce16))
    return struct.pack("<8I", *(words[:4] + words[12:]))


def keystream(key, nonce):
    """The bytes of ChaCha20 (12-byte nonce) or XChaCha20 (24-byte nonce) from counter 0 on."""
    if len(nonce) == 24:
        key, nonce = hchacha20(key, nonce[:16]), bytes(4) + nonce[16:]
    counter = 0
    while True:
        yield from chacha20_block(key, counter, nonce)
        counter += 1


# --- SPEC.md 6.2: AES-128 (FIPS 197) ------------------------------------------------------------


def times(a, b):
    """The product in GF(2^8) with the polynomial 0x11B."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def make_sbox():
    table = []
    for x in range(256):
        y = next((y for y in range(256) if times(x, y) == 1), 0)
        table.append(y ^ rotate8(y, 1) ^ rotate8(y, 2) ^ rotate8(y, 3) ^ rotate8(y, 4) ^ 0x63)
    return table


def rotate8(byte, bits):
    return (byte << bits | byte >> (8 - bits)) & 0xFF


SBOX = make_sbox()
DOUBLE = [times(2, x) for x in range(256)]


def aes128_round_keys(key):
    words = [list(key[i : i + 4]) for i in range(0, 16, 4)]
    constant = 1
    for i in range(4, 44):
        word = list(words[-1])
        if i % 4 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= constant
            constant = times(2, constant)
        words.append([a ^ b for a, b in zip(words[-4], word)])
    return [sum(words[i : i + 4], []) for i in range(0, 44, 4)]


def aes128_encrypt(round_keys, block):
    state = [a ^ b for a, b in zip(block, round_keys[0])]
    for number, round_key in enumerate(round_keys[1:], 1):
        # SubBytes and ShiftRows: byte r of column c comes from column c + r.
        state = [SBOX[state[(4 * (i // 4 + i % 4) + i % 4) % 16]] for i in range(16)]
        if number < 10:
            state = [
                DOUBLE[a] ^ DOUBLE[b] ^ b ^ c ^ d
                for column in (state[i : i + 4] for i in range(0, 16, 4))
                for a, b, c, d in (column[i:] + column[:i] for i in range(4))
            ]
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


# --- Published test values ----------------------------------------------------------------------


def self_check():
    """Compares the building blocks with the values that their standards print."""
    unhex = bytes.fromhex
    # RFC 5869, appendix A.1.
    key = hkdf_extract(unhex("000102030405060708090a0b0c"), b"\x0b" * 22)
    okm = hkdf_expand(key, unhex("f0f1f2f3f4f5f6f7f8f9"), 42)
    assert okm.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    ), "HKDF"
    # RFC 8439, section 2.3.2.
    block = chacha20_block(bytes(range(32)), 1, unhex("000000090000004a00000000"))
    assert block.hex() == (
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
    ), "ChaCha20"
    # draft-irtf-cfrg-xchacha-03, section 2.2.1.
    subkey = hchacha20(bytes(range(32)), unhex("000000090000004a0000000031415927"))
    assert subkey.hex() == "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc", "HChaCha20"
    # FIPS 197, appendices B and C.1.
    for key, plain, cipher in (
        ("2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734", "3925841d02dc09fbdc118597196a0b32"),
        ("000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "69c4e0d86a7b0430d8cdb78070b4c55a"),
    ):
        assert aes128_encrypt(aes128_round_keys(unhex(key)), unhex(plain)).hex() == cipher, "AES-128"
