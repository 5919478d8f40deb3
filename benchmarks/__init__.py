"""minigrad compared with its peers: `python -m benchmarks` measures, README.md explains."""
