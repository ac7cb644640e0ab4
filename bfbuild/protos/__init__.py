"""Generated stubs of the Remote Execution API v2, made from the .proto files beside them.

The two .proto files are the published ones of github.com/bazelbuild/remote-apis, (c) The Bazel Authors, licensed under
the Apache License 2.0. How the stubs are made again stands in `docs/protos.md`.
"""
