#!/usr/bin/env python3
"""Writes vectors.json: Poseidon2 for t = 4 and t = 16 over BN254's scalar
field, derived from its definition and not from a table. The round constants
and the internal matrix come from the Grain LFSR as in HorizenLabs'
poseidon2_rust_params.sage, whose seed is the parameters themselves. Run from
this folder: python3 vectors.py > vectors.json"""
import hashlib, json

p = 21888242871839275222246405745257275088548364400416034343698204186575808495617
N = 254
PREFIX = b"zkconsent/v1/"


def grain(t, rf, rp):
    bits = []
    for value, width in ((1, 2), (0, 4), (N, 12), (t, 12), (rf, 10), (rp, 10), (2**30 - 1, 30)):
        bits += [value >> (width - 1 - i) & 1 for i in range(width)]

    def step():
        bit = bits[62] ^ bits[51] ^ bits[38] ^ bits[23] ^ bits[13] ^ bits[0]
        bits.pop(0)
        bits.append(bit)
        return bit
    for _ in range(160):
        step()

    def number():
        v, n = 0, 0
        while n < N:
            keep, bit = step(), step()
            if keep:
                v, n = v << 1 | bit, n + 1
        return v
    return number


def parameters(t, rf, rp):
    number = grain(t, rf, rp)

    def below():
        while True:
            v = number()
            if v < p:
                return v
    rounds = [[below() for _ in range(t if r < rf // 2 or r >= rf // 2 + rp else 1)] for r in range(rf + rp)]
    for _ in range(REJECTED[t]):
        [number() for _ in range(t)]
    diagonal = [number() % p for _ in range(t)]
    return rounds, diagonal


# Draws of the diagonal that the sage script rejects, because the minimal
# polynomial of a power of the matrix is reducible.
REJECTED = {4: 4, 16: 6}
M4 = ((5, 7, 1, 3), (4, 6, 1, 1), (1, 3, 5, 7), (1, 1, 4, 6))


def external(s):
    blocks = [[sum(a * b for a, b in zip(row, s[i:i + 4])) for row in M4] for i in range(0, len(s), 4)]
    if len(blocks) == 1:
        return [v % p for v in blocks[0]]
    column = [sum(b[k] for b in blocks) for k in range(4)]
    return [(b[k] + column[k]) % p for b in blocks for k in range(4)]


def permute(s, rf, rp):
    t = len(s)
    rounds, diagonal = parameters(t, rf, rp)
    s = external(s)
    for r, keys in enumerate(rounds):
        if len(keys) == t:
            s = external([pow(x + k, 5, p) for x, k in zip(s, keys)])
        else:
            s = [pow(s[0] + keys[0], 5, p)] + s[1:]
            total = sum(s)
            # 1 off the diagonal, the drawn entry on it
            s = [(total - x + d * x) % p for x, d in zip(s, diagonal)]
    return s


ROUNDS = {4: (8, 56), 16: (8, 57)}


def compress(s):
    return (permute(s, *ROUNDS[len(s)])[0] + s[0]) % p


def hx(v):
    return v.to_bytes(32, "big").hex()


def tag(name):
    return int.from_bytes(hashlib.sha256(PREFIX + name).digest(), "big") % p


out = {"permutation": [], "node": [], "sum": []}
for t in (4, 16):
    for s in ([0] * t, list(range(t)), [p - 1] * t,
              [int.from_bytes(hashlib.sha256(b"lane %d" % i).digest(), "big") % p for i in range(t)]):
        out["permutation"].append({"in": [hx(v) for v in s], "out": [hx(v) for v in permute(s, *ROUNDS[t])]})
for s in ([0] * 4, [1, 2, 3, 4], [p - 1] * 4):
    out["node"].append({"in": [hx(v) for v in s], "out": hx(compress(s))})
for n in range(16):
    ins, t = list(range(1, n + 1)), 4 if n < 4 else 16
    state = [tag(b"VECTOR")] + ins
    out["sum"].append({"in": [hx(v) for v in ins], "out": hx(compress(state + [0] * (t - len(state))))})
print(json.dumps(out, indent=1))
