"""Training on several ranks with the same bits as on one, under Keras's names.

A rank is a process that runs the same script, started by ``mpiexec -n 4 python script.py``. One
line before the model is made does the rest::

    minigrad.distribution.initialize()

Several ranks need mpi4py and a library of MPI: ``pip install mpi4py mpich``.
"""

import os

from minigrad import random, samples
from minigrad.distribution.group import Group
from minigrad.kernels import set_num_threads
from minigrad.utils import together
from minigrad.utils.arguments import ArgumentTypeError, checked_number, whole_number
from minigrad.utils.old_names import lookup

__all__ = [
    "DataParallel", "distribution", "get_device_count", "initialize", "list_devices", "rank",
    "set_distribution", "size",
]  # fmt: skip

_group = None  # made by the first `initialize`
_distribution = None

__getattr__ = lookup(__name__)


class DataParallel:
    """Each rank computes its share of every batch; results do not depend on how many there are.

    A batch of B samples is cut into shards: shard i holds the samples from iB // shards on. Sums
    over samples are one sum a shard, added in one order. So 1, 2, 4 and 8 ranks give the same bits.

    Parameters
    ----------
    device_mesh, devices : None
        Keras's; who takes part is said by ``mpiexec -n``.
    auto_shard_dataset : True
        Keras's.
    shards : int
        A power of two, a multiple of the number of ranks. Other shards give other bits.

    Raises
    ------
    ValueError
        If the ranks do not divide the shards, or an argument has no meaning here.
    """

    def __init__(self, device_mesh=None, devices=None, auto_shard_dataset=True, *, shards=8):
        if device_mesh is not None or devices is not None:
            got = f"got device_mesh={device_mesh!r}, devices={devices!r}"
            raise ValueError(f"DataParallel: expected neither, {got}; `mpiexec -n 4` says who")
        if auto_shard_dataset is not True:
            cure = "every rank is given all data, and takes its share"
            raise ValueError(f"DataParallel: expected auto_shard_dataset=True; {cure}")
        self.shards = whole_number("DataParallel", "shards", shards, 1)
        if self.shards & (self.shards - 1):
            raise ValueError(f"DataParallel: expected shards as a power of two, got {shards}")

    def __repr__(self):
        return f"DataParallel(shards={self.shards})"


def initialize(
    job_addresses=None, num_processes=None, process_id=None, *, shards=8, limit=60.0,
    overlap=None,
):  # fmt: skip
    """Let the ranks find each other, and train data-parallel from here on.

    Call it before the model is made, on every rank; a second call changes nothing. Without mpiexec
    this process is the only rank, with the bits of any number. All ranks get the seed of rank 0.
    From here on rank 0 alone prints, writes files and downloads; the standard output and the
    warnings of the others are dropped. An error or exit of one rank ends all. SIGINT (Ctrl-C),
    SIGTERM and SIGUSR1 stop all ranks after the same step, by a KeyboardInterrupt. The cores of a
    machine are shared evenly by its ranks, unless MINIGRAD_NUM_THREADS or OMP_NUM_THREADS is set.

    Parameters
    ----------
    job_addresses, num_processes, process_id : optional
        Keras's. mpiexec knows them: they may be left out, and must fit if they are not.
    shards : int
        See `DataParallel`.
    limit : float
        Seconds that the others wait for a rank that hangs, before the run ends.
    overlap : bool, optional
        Whether a thread sends a weight's gradient as soon as it is known, while backward goes on.
        Results are the same. Default: if the ranks are on several machines.

    Raises
    ------
    ImportError
        If mpiexec runs several ranks, and mpi4py or the library of MPI is missing.
    RuntimeError
        If the ranks differ in their code, arguments, versions or instruction sets: on all ranks,
        with what differs on which.
    ValueError
        If the ranks do not divide the shards, or what was given does not fit.
    """
    global _group
    limit = checked_number("initialize", "limit", limit, "(0, inf)")
    if overlap not in (None, True, False):
        raise ArgumentTypeError(f"initialize: expected overlap as bool or None, got {overlap!r}")
    wanted = DataParallel(shards=shards)
    if _group is None:
        from minigrad.distribution import handshake
        from minigrad.distribution.mpi import connect

        _group = Group(connect(limit, overlap))
        together.group = _group
        if _group.size > 1:
            together.compare(**handshake.of_process(shards))
        random.set_random_seed(together.once(lambda: random.next_seed() % random.SEED_LIMIT))
        if _group.size > 1 and not {"MINIGRAD_NUM_THREADS", "OMP_NUM_THREADS"} & {*os.environ}:
            set_num_threads(_group.exchange.cores_here())
    for name, given, is_so in (
        ("num_processes", num_processes, _group.size), ("process_id", process_id, _group.rank),
    ):  # fmt: skip
        if given not in (None, is_so):
            raise ValueError(f"initialize: expected {name}={is_so}, as mpiexec said, got {given}")
    if job_addresses is not None:
        cure = "leave it out: a hostfile of mpiexec names machines"
        raise ValueError(f"initialize: expected no job_addresses, got {job_addresses!r}; {cure}")
    if _distribution is None or _distribution.shards != wanted.shards:
        set_distribution(wanted)


def set_distribution(value):
    """Train as a ``DataParallel`` says, from the next call of a model on; None: each for itself.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If the number of ranks does not divide the shards.
    """
    global _distribution
    from minigrad.distribution import door

    if value is not None and not isinstance(value, DataParallel):
        raise ArgumentTypeError(f"set_distribution: expected a DataParallel or None, got {value!r}")
    if value is None:
        samples.door = _distribution = None
        if _group is not None:
            _group.shards = None
        together.group = _group if size() > 1 else None  # files stay rank 0's
        return
    if _group is None:
        initialize(shards=value.shards)
    if value.shards % _group.size:
        fitting = ", ".join(str(2**i) for i in range(value.shards.bit_length()))
        more = 1 << (_group.size - 1).bit_length()
        cure = f"; or more shards: initialize(shards={more})" if more > value.shards else ""
        raise ValueError(
            f"DataParallel: expected {fitting} ranks for {value.shards} shards, got "
            f"{_group.size}{cure}"
        )
    _group.shards, together.group = value.shards, _group
    samples.door = door.Door(_group.exchange, value.shards)
    _distribution = value


def distribution():
    """Return what `set_distribution` was given last, or None."""
    return _distribution


def rank():
    """Return the number of this rank, from 0; alone it is 0."""
    return 0 if _group is None else _group.rank


def size():
    """Return how many ranks there are."""
    return 1 if _group is None else _group.size


def list_devices(device_type=None):
    """Return the ranks' names, ``["cpu:0", "cpu:1", ...]``; there are no other devices."""
    if device_type not in (None, "cpu", "CPU"):
        raise ValueError(f"list_devices: expected device_type 'cpu' or None, got {device_type!r}")
    return [f"cpu:{number}" for number in range(size())]


def get_device_count(device_type=None):
    """Return how many ranks there are, as `size`."""
    return len(list_devices(device_type))
