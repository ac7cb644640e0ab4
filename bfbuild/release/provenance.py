"""How a release came to be: in-toto Statements v1 with SLSA provenance v1, for the release and for each action.

A release's statement has its files as subjects; it depends on the commit, the lock, each locked package and each action
by digest. An action's statement has its outputs as subjects; it depends on its inputs and on the root of its tools.
Neither says when or where it ran: equal commits have equal statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bfbuild.release.verify import ACTION_TYPE, PREDICATE, RELEASE_TYPE, STATEMENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bfbuild.digest import ActionDigest, Digest
    from bfbuild.release.facts import Facts, Made

BUILDER = "urn:bareflow:bfbuild"


def release_statement(facts: Facts) -> dict[str, Any]:
    """Return the statement about all files of a release."""
    identity = facts.identity
    return _statement(
        subjects=[(file.name, file.digest) for file in facts.files],
        kind=RELEASE_TYPE,
        external={
            "name": identity.name,
            "version": identity.version,
            "commit": identity.commit,
            "targets": sorted({file.output for file in facts.files if file.output is not None}),
        },
        internal={"sandbox": facts.sandbox, "source_date_epoch": identity.epoch},
        dependencies=_dependencies(facts),
    )


def action_statement(facts: Facts, made: Made) -> dict[str, Any]:
    """Return the statement about the outputs of an action."""
    tools = facts.toolchains[made.toolchain]
    return _statement(
        subjects=sorted(made.outputs.items()),
        kind=ACTION_TYPE,
        external={
            "label": made.label,
            "recipe": made.recipe,
            "kind": made.kind,
            "arguments": list(made.arguments),
            "environment": dict(made.environment),
        },
        internal={"sandbox": made.sandbox, "action": str(made.action)},
        dependencies=[
            {"name": tools.name, "uri": f"urn:bareflow:toolchain:{tools.name}", **_sha256(tools.root)},
            *({"name": place, **_sha256(digest)} for place, digest in sorted(made.inputs.items())),
        ],
    )


def statements(facts: Facts) -> Iterator[dict[str, Any]]:
    """Yield all statements of a release: its own first, then its actions' in order."""
    yield release_statement(facts)
    for made in facts.actions:
        yield action_statement(facts, made)


def _dependencies(facts: Facts) -> list[dict[str, Any]]:
    commit, lock = facts.identity.commit, facts.identity.lock
    packages = [
        {"name": each.key, "uri": each.purl, **_sha256(each.digest)} for _, each in sorted(facts.packages.items())
    ]
    actions = [
        {"name": each.label, "uri": f"urn:bareflow:action:{each.action.hash}", **_sha256(each.action)}
        for each in facts.actions
    ]
    return [
        {"name": "source", "digest": {"gitCommit": commit}},
        {"name": "bareflow.lock", **_sha256(lock)},
        *packages,
        *actions,
    ]


def _statement(
    *,
    subjects: Iterable[tuple[str, Digest]],
    kind: str,
    external: Mapping[str, Any],
    internal: Mapping[str, Any],
    dependencies: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, **_sha256(digest)} for name, digest in subjects],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": kind,
                "externalParameters": external,
                "internalParameters": internal,
                "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": {"id": BUILDER}},
        },
    }


def _sha256(digest: Digest | ActionDigest) -> dict[str, Any]:
    return {"digest": {"sha256": digest.hash}}
