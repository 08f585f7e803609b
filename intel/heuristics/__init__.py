"""Which rules find evidence? One file per heuristic, all of the same shape."""
