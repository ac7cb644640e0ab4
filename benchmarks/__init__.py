"""Benchmarks, run by hand: they print tables, and no test asks for their times."""
