"""`doit cache ir WORD ...`: the optimized code in the store; each word has a module, as those of `doit cache` have."""
