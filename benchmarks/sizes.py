"""What the demo's kernel weighs, and what each room costs that the original did not have, in raw bytes.

    .venv/bin/python benchmarks/sizes.py

The steps of recipes/rooms.py keep every function of the library. The image that is booted keeps only what is called.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bfbuild.commands.project import Project

STEPS = {
    "original": "the original's features",
    "ata": "disk: ATA, DMA, PCI",
    "fat16": "FAT16, reading and writing",
    "monitor": "the monitor",
    "jit": "optimizing, without the compiler",
    "names": "functions' names, for a panic",
}
BOOTED = "bareflow/kernel.raw"
ORIGINAL = 28_794  # bytes, of the original's kernel


def main() -> int:
    """Link every step, and print the table."""
    project = Project(Path(__file__).parent.parent)
    outputs = [*(f"rooms/{step}.raw" for step in STEPS), BOOTED]
    project.build([project.graph.find(name) for name in outputs])
    *sizes, booted = [project.output(name).digest.size for name in outputs]
    sys.stdout.write(f"{'every function kept':<34}{'adds':>10}{'in all':>10}\n")
    for what, size, before in zip(STEPS.values(), sizes, [0, *sizes], strict=False):
        sys.stdout.write(f"{what:<34}{size - before:>+10,}{size:>10,}\n")
    sys.stdout.write(f"\n{'the booted image, all of the above':<34}{'':>10}{booted:>10,}\n")
    sys.stdout.write(f"{'the original, to compare':<34}{'':>10}{ORIGINAL:>10,}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
