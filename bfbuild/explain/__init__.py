"""From the store's records to reasons: what changed, what only followed, and what a piece of an output comes from.

Nothing here loads a recipe: records say what was, days later and for the builds of other checkouts too.
"""
