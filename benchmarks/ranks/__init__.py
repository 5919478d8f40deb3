"""How training scales with the number of ranks, measured and on paper."""
