"""minigrad beside its peers: `python -m benchmarks` measures, README.md explains."""
