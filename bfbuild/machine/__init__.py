"""The machine: one boot of an image in QEMU, and what the guest said. The only room that knows QEMU.

Reading order: `spec` (what is wanted, and QEMU's command line for it), `process` (a child that cannot outlive us),
`transcript` (serial bytes become records), `verdict` (how a boot ended, told to a person), `qemu` (boots), `screen` and
`debugger` (two more ways to look at a boot), `bench` (records become tables).
"""
