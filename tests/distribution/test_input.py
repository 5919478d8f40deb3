"""Each rank reads its rows of x alone, unless more than the model sees x; the bits stay."""

import sys
import warnings

import numpy as np
import pytest

import minigrad
from minigrad import Input, Tensor, kernels, layers, optimizers, samples
from minigrad.distribution import handshake, mpi
from minigrad.distribution.door import Door
from minigrad.distribution.exchange import Alone
from minigrad.utils.batches import Batches
from minigrad.utils.samples import RowsOnDisk, UnreadRows, put_off, take_rows

N = 45

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
on_forks = pytest.mark.skipif(
    kernels.kind == "reference" or sys.platform == "win32",
    reason="NumPy's products promise nothing across batches; ranks here are forked processes",
)


def data():
    generator = np.random.default_rng(0)
    return generator.normal(size=(N, 6)).astype("float32"), generator.integers(0, 3, N)


class Counting:
    """A data set in a file, as h5py's, that counts how often each row was read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.counts = np.zeros(len(array), int)

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.counts[rows] += 1
        return self.array[rows]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype)


Counting.__module__ = "h5py.counting"  # by which a data set in a file is known


def mlp(kind=minigrad.Sequential):
    model = kind([Input((6,)), layers.Dense(8, "tanh"), layers.Dropout(0.2), layers.Dense(3)])
    return compiled(model)


def compiled(model):
    loss = minigrad.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


class OwnTrainStep(minigrad.Sequential):
    """The steps of its superclass, but they might look at x."""

    def train_step(self, data):
        assert type(data[0]) is np.ndarray
        return super().train_step(data)


class OwnLoss(minigrad.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        assert type(x) is np.ndarray
        return super().compute_loss(x, y, y_pred, sample_weight, training)


class OwnMetrics(minigrad.Sequential):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        assert type(x) is np.ndarray
        return super().compute_metrics(x, y, y_pred, sample_weight)


class OwnCall(minigrad.Sequential):
    def __call__(self, x, *others, **options):
        assert not isinstance(x, UnreadRows)
        return super().__call__(x, *others, **options)


def everything(model, x, y):
    """Shuffled and in order, uneven batches, and smaller than the shards, weights of all kinds."""
    weights = np.linspace(0.5, 2, N)
    found = []
    options = {"epochs": 2, "verbose": 0}
    found.append(
        model.fit(x, y, 13, validation_split=0.2, class_weight={0: 2.0}, **options).history
    )
    found.append(
        model.fit(x, y, 7, validation_data=(x, y), sample_weight=weights, **options).history
    )
    found.append(model.fit(x, y, 3, steps_per_epoch=4, shuffle=False, **options).history)
    found.append(model.evaluate(x, y, 11, sample_weight=weights, verbose=0))
    found.append(model.predict(x, 2, verbose=0).tobytes())
    return [weight.data for weight in model.weights], found


# --- what is read ---


def read_by_each_rank():
    """How often each rank read each row: in two shuffled epochs, evaluation, prediction."""
    x, y = data()
    source, model = Counting(x), mlp()
    calls = (
        lambda: model.fit(source, y, 13, epochs=2, verbose=0),
        lambda: model.evaluate(source, y, 7, verbose=0),
        lambda: model.predict(source, 3, verbose=0),
    )
    found = []
    for call in calls:
        source.counts[:] = 0
        call()
        found.append(samples.door.exchange.gather(source.counts[None], (1,) * ranks_here()))
    return found, []


def ranks_here():
    return samples.door.exchange.size


@on_forks
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_each_rank_reads_its_rows_alone(forked, ranks):
    hashes, (trained, measured, predicted) = forked(read_by_each_rank, ranks, 8)
    assert len(hashes) == 1
    for counts, times in ((trained, 2), (measured, 1), (predicted, 1)):
        assert counts.shape == (ranks, N)
        np.testing.assert_array_equal(counts.sum(axis=0), times)  # together they read all, once
    of_batch = [13] * 3 + [6]  # 13 samples are 6 and 7, or 3, 3, 3, 4
    door = [Door(exchange(rank, ranks), 8) for rank in range(ranks)]
    own = [sum(d.share(n).last - d.share(n).first for n in of_batch) for d in door]
    np.testing.assert_array_equal(trained.sum(axis=1), [2 * n for n in own])


def exchange(rank, size):
    alone = Alone()
    alone.rank, alone.size = rank, size
    return alone


def read_whole():
    """How often each row was read where a step of one's own might look at x."""
    x, y = data()
    found = []
    for kind in (OwnTrainStep, OwnLoss, OwnMetrics, OwnCall):
        source = Counting(x)
        mlp(kind).fit(source, y, 13, verbose=0)
        found.append(samples.door.exchange.gather(source.counts[None], (1,) * ranks_here()))
    return found, []


@on_forks
def test_steps_of_ones_own_get_whole_batches(forked):
    _, found = forked(read_whole, 2, 8)
    for counts in found:
        np.testing.assert_array_equal(counts, np.ones((2, N)))


@on_forks
def test_a_step_set_on_one_model_gets_whole_batches():
    model, seen = mlp(), []
    default = model.train_step
    model.train_step = lambda data: seen.append(type(data[0])) or default(data)
    with alone():
        model.fit(*data(), 15, verbose=0)
    assert seen == [np.ndarray] * 3


class alone:  # noqa: N801
    """``with alone():`` batches are cut into 8 shards, on the only rank."""

    def __enter__(self):
        samples.door = Door(Alone(), 8)

    def __exit__(self, *_):
        samples.door = None


# --- the same bits ---


def train_on(kind=minigrad.Sequential, change=lambda x: x):
    def run():
        x, y = data()
        return everything(mlp(kind), change(x), y)

    return run


@on_forks
def test_bits_do_not_depend_on_who_reads(forked):
    (whole,), _ = forked(train_on(OwnTrainStep), 1, 8)
    for ranks in (1, 2, 4, 8):
        assert forked(train_on(), ranks, 8)[0] == {whole}, f"{ranks} ranks"
    for kind in (OwnTrainStep, OwnLoss, OwnMetrics, OwnCall):
        assert forked(train_on(kind), 2, 8)[0] == {whole}, kind.__name__


def in_a_memmap(tmp_path):
    def change(x):
        np.save(tmp_path / "x.npy", x)
        return np.load(tmp_path / "x.npy", mmap_mode="r")

    return change


def in_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = data()[0]
    return lambda x: h5py.File(tmp_path / "x.h5", "r")["x"]


def in_sparse_rows(tmp_path):
    sparse = pytest.importorskip("scipy.sparse")
    return sparse.coo_matrix


def in_lists(tmp_path):
    return lambda x: x.tolist()


def in_float64(tmp_path):
    return lambda x: x.astype("float64")


@on_forks
@pytest.mark.parametrize("kind", [in_a_memmap, in_hdf5, in_sparse_rows, in_lists, in_float64])
def test_all_kinds_of_arrays_are_read_by_shares(forked, tmp_path, kind):
    (whole,), _ = forked(train_on(OwnTrainStep), 1, 8)
    assert forked(train_on(change=kind(tmp_path)), 2, 8)[0] == {whole}


def train_two_inputs(as_inputs):
    def run():
        x, y = data()
        first, second = Input((2,), name="first"), Input((4,), name="second")
        joined = layers.concatenate([layers.Dense(3)(first), second])
        model = compiled(minigrad.Model([first, second], layers.Dense(3)(joined)))
        sources = [Counting(x[:, :2].copy()), Counting(x[:, 2:].copy())]
        found = everything(model, as_inputs(*sources), y)
        counts = np.stack([source.counts for source in sources])
        size = ranks_here()
        everyone = samples.door.exchange.gather(counts[None], (1,) * size).sum(axis=0)
        return [*found[0], everyone], found[1]

    return run


@on_forks
def test_several_inputs_are_read_by_shares(forked):
    in_a_list = train_two_inputs(lambda first, second: [first, second])
    by_name = train_two_inputs(lambda first, second: {"second": second, "first": first})
    (whole,), found = forked(in_a_list, 1, 8)
    for ranks in (2, 4):
        for run in (in_a_list, by_name):
            assert forked(run, ranks, 8)[0] == {whole}
    np.testing.assert_array_equal(found[-1][0], found[-1][1])


# --- whatever touches it ---


@pytest.mark.parametrize("rows", [slice(3, 9), np.array([5, 2, 19, 7])])
@pytest.mark.parametrize("kind", ["array", "file", "sparse"])
def test_unread_rows_stand_for_the_whole_batch(kind, rows):
    array = np.arange(40.0).reshape(20, 2)
    source = {"array": lambda: array, "file": lambda: RowsOnDisk(Counting(array))}.get(kind)
    if source is None:
        source = lambda: pytest.importorskip("scipy.sparse").csr_matrix(array)  # noqa: E731
    batch, whole = UnreadRows(source(), rows), array[rows]
    assert (len(batch), batch.shape, batch.ndim, batch.dtype) == (
        len(whole), whole.shape, 2, whole.dtype
    )  # fmt: skip
    np.testing.assert_array_equal(np.asarray(batch), whole)
    np.testing.assert_array_equal(np.asarray(batch, "float32"), whole.astype("float32"))
    np.testing.assert_array_equal(batch.read(1, 3), whole[1:3])
    assert batch.read(2, 2).shape == (0, 2)
    np.testing.assert_array_equal(batch[-1], whole[-1])
    np.testing.assert_array_equal(batch[::2], whole[::2])
    np.testing.assert_array_equal([*batch], whole)
    np.testing.assert_array_equal(np.ones((len(batch), 2)) * batch, whole)
    np.testing.assert_array_equal(Tensor(batch).numpy(), whole)
    np.testing.assert_array_equal(layers.Flatten()(batch).numpy(), whole)
    with pytest.raises(TypeError):
        batch * 2


def test_batches_hold_the_same_samples_unread():
    x, y = data()
    for shuffle in (False, True):
        one, other = (
            Batches(
                [x, None, x[:, :1]], y, batch_size=13, is_unread=is_unread,
                generator=np.random.default_rng(1) if shuffle else None,
            ).epoch()
            for is_unread in (False, True)
        )  # fmt: skip
        for (read, labels, _), (unread, same, _) in zip(one, other, strict=True):
            assert [type(part) for part in unread] == [UnreadRows, type(None), UnreadRows]
            np.testing.assert_array_equal(np.asarray(unread[0]), read[0])
            np.testing.assert_array_equal(np.asarray(unread[2]), read[2])
            np.testing.assert_array_equal(labels, same)


def test_without_a_distribution_x_is_read_at_once():
    steps, model = ("train_step", "test_step", "predict_step"), mlp()
    assert {model._batches(step, *data()).source.take_x for step in steps} == {take_rows}
    with alone():
        assert {model._batches(step, *data()).source.take_x for step in steps} == {put_off}


def warned_of_nan():
    """NaN in a row of the last rank: all ranks look at the whole batch, and say the same."""
    x, y = data()
    x[12, 1] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mlp().fit(x, y, 13, shuffle=False, verbose=0)
    told = [str(w.message) for w in caught if "finite loss" in str(w.message)]
    return [np.frombuffer(told[0].encode(), np.uint8)], len(told)


@on_forks
def test_a_loss_that_is_not_finite_is_explained_by_the_whole_batch(forked):
    hashes, (told,) = forked(warned_of_nan, 2, 8)
    assert len(hashes) == 1
    assert "x holds NaN or infinity in 1 of 13 samples" in told.tobytes().decode()


def ended_within():
    """A callback ends the distribution in the middle of an epoch: what is unread is read whole."""

    class End(minigrad.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 1:
                samples.door = None

    model = mlp()
    model.fit(*data(), 13, verbose=0, callbacks=[End()])
    return [weight.data for weight in model.weights], []


@on_forks
def test_a_distribution_may_end_between_two_batches(forked):
    assert len(forked(ended_within, 2, 8)[0]) == 1


# --- what is compared ---


def test_of_large_files_64_rows_are_compared():
    source = Counting(np.arange(3000.0).reshape(1000, 3))
    facts = handshake.of_data(RowsOnDisk(source), None, np.arange(1000))
    assert source.counts.sum() == handshake.SAMPLES == 64
    assert source.counts[[0, -1]].tolist() == [1, 1]
    other = Counting(source.array.copy())
    assert digest(other) == handshake.digest(facts)
    other.array[-1, 2] += 1
    assert digest(other) != handshake.digest(facts)


def digest(source):
    return handshake.digest(handshake.of_data(RowsOnDisk(source), None, np.arange(1000)))


@pytest.mark.parametrize("what", ["x", "y", "weights", "sizes", "nothing"])
def test_a_checksum_changes_with_each_part_of_a_batch(what):
    x, y, weights = [np.ones((1, 3))], np.arange(5), np.ones(5)
    before = handshake.checksum(x, {"y": y}, weights)
    if what == "x":
        x[0][0, 2] = 2
    elif what != "sizes":
        {"y": y, "weights": weights}.get(what, np.zeros(5))[4] = 9
    else:
        x = [np.ones((1, 3, 1))]
    after = handshake.checksum(x, {"y": y}, weights)
    assert 0 <= after < 2**32
    assert (after == before) == (what == "nothing")


def test_a_checksum_reads_nothing_of_what_is_put_off():
    source = Counting(np.ones((9, 2)))
    handshake.checksum(UnreadRows(RowsOnDisk(source), slice(4)), np.array(["a"], object), None)
    assert source.counts.sum() == 0


def test_of_unread_rows_the_source_is_compared():
    x = np.arange(300.0).reshape(100, 3)
    one, other = (handshake.of_data(UnreadRows(x, rows)) for rows in (slice(3), slice(50, 99)))
    assert (
        handshake.digest(one) == handshake.digest(other) == handshake.digest(handshake.of_data(x))
    )


class World:
    """A communicator of two ranks on which a message is longer than it should be."""

    class Exception(Exception):  # noqa: N818
        def Get_error_class(self):  # noqa: N802 (MPI's)
            return World.ERR_TRUNCATE

    ERR_TRUNCATE = COMM_TYPE_SHARED = 15

    def Allgatherv(self, sent, received):  # noqa: N802
        raise World.Exception

    Dup = Split_type = lambda self, *_: self
    Get_rank = staticmethod(lambda: 0)
    Get_size = staticmethod(lambda: 2)


def test_batches_of_other_sizes_are_named_where_mpi_raises(monkeypatch):
    """Open MPI does; MPICH ends the process."""
    World.COMM_WORLD = World()
    monkeypatch.setattr(mpi, "Guard", lambda *_: None)
    ranks = mpi.Ranks(World, 60.0, overlap=False)
    with pytest.raises(RuntimeError, match=r"the same batches .* some of other sizes"):
        ranks.gather(np.ones((2, 3)), (2, 2))
