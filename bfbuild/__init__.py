"""bfbuild: a declarative, reproducible build system for kernels, unikernels and firmware."""
