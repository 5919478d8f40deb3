"""What MPI finds of a link: ``mpiexec -n 2 python -m benchmarks.ranks.ping``.

Rank 0 prints one line of JSON: seconds of a round trip (the median), and bytes a second one way.
"""

import json
import statistics
import sys
import time

import numpy as np
from mpi4py import MPI

ROUND_TRIPS = 50
BULK = 4_000_000  # bytes
TIMES = 5


def main(seconds):
    """Send bulk for about so many seconds."""
    comm = MPI.COMM_WORLD
    rank, other = comm.Get_rank(), 1 - comm.Get_rank()
    word, bulk = np.zeros(1), np.zeros(BULK, np.uint8)

    def round_trip(content):
        begin = time.perf_counter()
        for sender in (0, 1):
            if rank == sender:
                comm.Send(content if sender == 0 else word, other)
            else:
                comm.Recv(content if sender == 0 else word, other)
        return time.perf_counter() - begin

    trips = [round_trip(word) for _ in range(ROUND_TRIPS)]
    spent, times = 0.0, 0
    while spent < seconds or times < TIMES:
        spent, times = comm.bcast((spent + round_trip(bulk), times + 1))
    trip = statistics.median(trips)
    if rank == 0:
        print(json.dumps({"round_trip": trip, "bandwidth": times * BULK / (spent - times * trip)}))


if __name__ == "__main__":
    main(float(sys.argv[1]))
