"""Tests of remote cache and execution, against servers that other people wrote."""

import os

# gRPC reads these when it is first imported: tests fork, and what it says of connections that we break is no news.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
