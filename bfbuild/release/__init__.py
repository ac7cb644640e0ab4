"""What a release is, and what vouches for it: facts, provenance, SBOM, signatures, keys, the verifier."""
