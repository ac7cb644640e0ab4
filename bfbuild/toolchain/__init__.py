"""Toolchains: locked packages (lock, debian), fetched (fetch), unpacked (unpack), kept in the store (root)."""
