"""DSSE envelopes: a statement in canonical JSON, signed together with what kind of statement it is."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bfbuild.release.verify import PAYLOAD, pae

if TYPE_CHECKING:
    from bfbuild.release.keys import SecretKey


def canonical(value: object) -> bytes:
    """Return JSON with one spelling: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def envelope(statement: Mapping[str, Any], key: SecretKey) -> str:
    """Return a signed in-toto statement as one line, without its end."""
    payload = canonical(statement)
    signature = {"keyid": key.public.id, "sig": base64.b64encode(key.sign(pae(PAYLOAD, payload))).decode()}
    text = {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD, "signatures": [signature]}
    return canonical(text).decode()
