#!/usr/bin/env python3
"""Writes vectors.json: docs/spec.md §3.1 and §3.2 in plain integers, written
independently of the Go code that is tested against it. Run from this folder:
python3 vectors.py > vectors.json"""
import hashlib, hmac, json

p = 21888242871839275222246405745257275088548364400416034343698204186575808495617
l = 2736030358979909402780800718157159386076813972158567259200215660948447373041
d = 12181644023421730124874158521699555681764249180949974110617291017600649128846
B = (9671717474070082183213120605117400219616337014328744928644933853176787189663,
     16950150798460657717958625567821834550301663161624707787222815936182638968203)
PREFIX = b"zkconsent/v1/"


def add(P, Q):
    (x1, y1), (x2, y2) = P, Q
    t = d * x1 * x2 * y1 * y2 % p
    return ((x1 * y2 + x2 * y1) * pow(1 + t, -1, p) % p,
            (y1 * y2 + x1 * x2) * pow(1 - t, -1, p) % p)


def mul(k, P):
    R = (0, 1)
    for bit in bin(k)[2:]:
        R = add(R, R)
        if bit == "1":
            R = add(R, P)
    return R


def enc(P):
    x, y = P
    return (y | (1 << 255 if x > (p - x) % p else 0)).to_bytes(32, "big")


def hs(name, *parts):
    return int.from_bytes(hashlib.sha512(PREFIX + name + b"".join(parts)).digest(), "big") % l


def hkdf(secret, salt, info, n):
    prk, out, t, i = hmac.new(salt, secret, hashlib.sha256).digest(), b"", b"", 1
    while len(out) < n:
        t = hmac.new(prk, t + info + bytes([i]), hashlib.sha256).digest()
        out, i = out + t, i + 1
    return out[:n]


def s32(v):
    return v.to_bytes(32, "big").hex()


out = []
for i in range(8):
    def draw(name, n):
        return hashlib.sha512(f"redsig vector {i} {name}".encode()).digest()[:n]
    seed, nonce_key, m = draw("ask", 64), draw("nonce key", 32), draw("message", 32)
    fresh1, fresh2 = draw("fresh alpha", 64), draw("fresh k", 64)
    chal = int.from_bytes(draw("challenge", 32), "big") % p
    if i == 0:
        seed = (1).to_bytes(64, "big")
    if i == 1:
        seed = (l - 1).to_bytes(64, "big")
    ask = int.from_bytes(seed, "big") % l
    alpha = int.from_bytes(hkdf(nonce_key + fresh1 + chal.to_bytes(32, "big"), PREFIX + b"wallet", b"alpha", 64), "big") % l
    ak, rsk = mul(ask, B), (ask + alpha) % l
    rk = add(ak, mul(alpha, B))
    assert rk == mul(rsk, B)
    k = hs(b"rednonce", nonce_key, fresh2, m)
    R = enc(mul(k, B))
    s = (k + hs(b"redsig", R, enc(rk), m) * rsk) % l
    out.append({"seed": seed.hex(), "nonceKey": nonce_key.hex(), "freshAlpha": fresh1.hex(),
                "challenge": s32(chal), "alpha": s32(alpha), "ak": enc(ak).hex(), "akX": s32(ak[0]), "akY": s32(ak[1]),
                "rk": enc(rk).hex(), "freshNonce": fresh2.hex(), "message": m.hex(), "signature": R.hex() + s32(s)})
print(json.dumps(out, indent=1))
