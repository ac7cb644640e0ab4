"""Ed25519 by the plain method, against the vectors of RFC 8032, section 7.1, and against `cryptography`."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bfbuild.release.keys import SecretKey
from bfbuild.release.verify import ed25519_verify

VECTORS = {  # secret key, public key, message, signature
    "TEST 1": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "TEST 2": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "TEST 3": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    "TEST SHA(abc)": (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
}
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_of_the_rfc_is_right(name: str) -> None:
    """The signature fits; the key that signs makes the same one, and has that public key."""
    secret, public, message, signature = (bytes.fromhex(each) for each in VECTORS[name])
    assert ed25519_verify(public, message, signature)
    key = SecretKey.of_seed(b"12345678", secret)
    assert (key.public.key, key.sign(message)) == (public, signature)


@pytest.mark.parametrize("name", VECTORS)
def test_a_changed_vector_is_wrong(name: str) -> None:
    """Another message, key or signature does not fit, and neither does S + L: a signature has one spelling."""
    _, public, message, signature = (bytes.fromhex(each) for each in VECTORS[name])
    larger = (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    assert not ed25519_verify(public, message + b"\0", signature)
    assert not ed25519_verify(public, message, signature[:32] + larger)
    assert not ed25519_verify(public, message, signature[:-1])
    for at in (0, 31, 32, 62):
        flipped = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        assert not ed25519_verify(public, message, flipped)
    assert not ed25519_verify(bytes([public[0] ^ 1]) + public[1:], message, signature)


def test_both_implementations_agree() -> None:
    """What `cryptography` signs is right, for messages of many lengths."""
    for length in (0, 1, 63, 64, 65, 1_000):
        key = Ed25519PrivateKey.from_private_bytes(bytes([length % 251] * 32))
        message = bytes(length)
        assert ed25519_verify(key.public_key().public_bytes_raw(), message, key.sign(message))


@pytest.mark.parametrize("data", [b"", bytes(31), b"\xff" * 32, (2**255 - 19).to_bytes(32, "little")])
def test_bytes_that_are_no_point_fit_nothing(data: bytes) -> None:
    """A key that is no point of the curve, or is written in another way, is no key."""
    assert not ed25519_verify(data, b"", bytes(64))
