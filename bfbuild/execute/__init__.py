"""Executors: what runs one action. One contract suite holds for all of them."""
