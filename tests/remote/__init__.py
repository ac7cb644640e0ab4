"""Tests of remote cache and execution, against servers that other people wrote."""
