"""Provenance, held against what others wrote: the bindings of in-toto, and an implementation of DSSE."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # it says so in __init__, not in __all__

from bfbuild.release import dsse
from bfbuild.release.provenance import action_statement, release_statement, statements
from tests.release.attest.made import KEY, OTHER

if TYPE_CHECKING:
    from bfbuild.release.facts import Facts
    from bfbuild.release.keys import SecretKey


def theirs(key: SecretKey, name: SecretKey) -> SSlibKey:
    """Return a public key as securesystemslib has it, under the id of `name`."""
    return SSlibKey(name.public.id, "ed25519", "ed25519", {"public": key.public.key.hex()})


def test_every_statement_is_one_of_in_toto_and_slsa(whole: Facts) -> None:
    """in-toto's validator takes them, and no field is unknown to the published messages."""
    made = list(statements(whole))
    assert len(made) == 1 + len(whole.actions)
    for each in made:
        message = json_format.ParseDict(each, StatementMessage())
        Statement.copy_from_pb(message).validate()
        assert message.predicate_type == "https://slsa.dev/provenance/v1"
        predicate = json_format.ParseDict(each["predicate"], provenance_pb2.Provenance())
        assert predicate.build_definition.build_type.startswith("urn:bareflow:")
        assert predicate.build_definition.HasField("external_parameters")
        assert predicate.run_details.builder.id


def test_the_release_depends_on_commit_lock_packages_and_actions(whole: Facts) -> None:
    """Each by its digest, so that who knows the release knows all that went into it."""
    statement = release_statement(whole)
    needs = {each["name"]: each["digest"] for each in _needs(statement)}
    assert needs["source"] == {"gitCommit": whole.identity.commit}
    assert needs["bareflow.lock"] == {"sha256": whole.identity.lock.hash}
    for package in whole.packages.values():
        assert needs[package.key] == {"sha256": package.digest.hash}
    for action in whole.actions:
        assert needs[action.label] == {"sha256": action.action.hash}
    assert {each["name"]: each["digest"]["sha256"] for each in statement["subject"]} == {
        file.name: file.digest.hash for file in whole.files
    }


def test_an_action_depends_on_its_inputs_and_its_tools(whole: Facts) -> None:
    """What made an object is its source, the headers that it includes, and a toolchain's root; nothing says when."""
    action = next(each for each in whole.actions if each.label == "src/start.c.o")
    statement = action_statement(whole, action)
    assert {each["name"] for each in _needs(statement)} == {"llvm", "src/start.c", "src/kernel.h", "build/layout.h"}
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["recipe"].startswith("recipes/small.py:")
    assert definition["internalParameters"] == {"sandbox": whole.sandbox, "action": str(action.action)}


def test_an_envelope_is_verified_by_somebody_elses_code(whole: Facts) -> None:
    """Securesystemslib finds the signature right by our key, and wrong by another or for other bytes."""
    line = dsse.envelope(release_statement(whole), KEY)
    assert "\n" not in line
    envelope = Envelope.from_dict(json.loads(line))
    assert set(envelope.verify([theirs(KEY, KEY)], 1)) == {KEY.public.id}
    with pytest.raises(VerificationError):
        envelope.verify([theirs(OTHER, KEY)], 1)
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([theirs(KEY, KEY)], 1)


def test_equal_facts_make_equal_envelopes(whole: Facts) -> None:
    """Signatures too: Ed25519 draws no lots."""
    first, second = ([dsse.envelope(each, KEY) for each in statements(whole)] for _ in range(2))
    assert first == second


def _needs(statement: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    return found
