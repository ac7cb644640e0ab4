"""The rim: what doit shows and the words it takes. The only rooms that know doit, and the only ones that print."""
