"""Disks: what lies where, the partition table, the FAT16 file system; bytes only, no I/O beyond the file they fill.

This room runs in two places: inside bfbuild, and copied into a sandbox as a package of its own (`python3 -S -m disk`).
So it imports nothing but itself (relatively) and those modules of the standard library that Debian's python3-minimal
has: no json, no dataclasses, no argparse. Its errors are `DiskError`; whoever calls it shows them.
"""
