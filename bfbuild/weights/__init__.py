"""Language models: GGUF files and llama2.c checkpoints become one flat file that a kernel uses in place.

What that file holds is described in src/app/chat/FORMAT.md. This room runs as the disk's writer does: inside bfbuild,
and copied into a sandbox as a package of its own (`python3 -S -m weights`), with nothing but itself and those modules
of the standard library that Debian's python3-minimal has. Its errors are `WeightsError`; whoever calls it shows them.
"""
