"""Generated stubs of the Remote Execution API v2 and of ByteStream, made from the .proto files beside them.

The .proto files are the published ones of github.com/bazelbuild/remote-apis, (c) The Bazel Authors, and of
github.com/googleapis/googleapis, (c) Google Inc., both licensed under the Apache License 2.0. How the stubs are made
again stands in `docs/protos.md`.
"""
