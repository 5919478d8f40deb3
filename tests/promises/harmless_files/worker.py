"""A process that loads damaged copies of good files: ``worker.py FOLDER FIRST COUNT LOADER...``.

Each number makes one copy of each loader's file, damages it in a way that the number alone decides,
and loads it. What must not happen is printed, a line of JSON each: another error than ValueError or
OSError, other values than those of the good file, weights changed by a load that failed, files
written elsewhere, memory beyond ``MOST_MEMORY``. A file ``FOLDER/now`` names the copy that is
loaded, for the case that the process dies.
"""

import contextlib
import hashlib
import io
import json
import os
import pickle
import struct
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np

import minigrad
from minigrad import layers
from minigrad.datasets import _containers, _files
from minigrad.saving import formats
from minigrad.utils import get_file

try:
    import h5py
except ImportError:
    h5py = None
try:
    from PIL import Image
except ImportError:
    Image = None

MOST_MEMORY = 96 << 20  # bytes; the good files are small, and most of this is the decoders'


# --- what is loaded ------------------------------------------------------------------------------


def make_model(seed):
    minigrad.random.set_random_seed(seed)
    model = minigrad.Sequential(
        [
            layers.Input((5,)),
            layers.Dense(4, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3),
        ]
    )
    model.compile("adam", "mse")
    x = np.random.default_rng(seed).normal(size=(6, 5)).astype("float32")
    model.fit(x, x[:, :3], epochs=1, verbose=0)
    return model


def state_of(model):
    """All that a file of a model decides, as text and bytes."""
    state = {} if model.optimizer is None else model.optimizer.get_state()
    arrays = [(value.dtype.str, value.tobytes()) for value in state.values()]
    return model.weights_hash(), json.dumps(model.get_config()), arrays


class Weights:
    """`load_weights` of a model that has others: all of the good ones, or none."""

    checks_values = True

    def __init__(self, ending, sealed=True):
        self.name, self.checks_values = f"w{ending}", sealed

    def make(self, path):
        good = make_model(1)
        if self.name.endswith(".weights.h5") or self.name.endswith(".npz"):
            good.save_weights(path)
        else:
            good.save(path)
        if not self.checks_values:
            path.write_bytes(path.read_bytes()[: -formats.SEAL_BYTES])
        self.model, self.good = make_model(2), state_of(good)[::2]
        self.old = self.model.get_weights(), self.model.optimizer.get_state()

    def load(self, path):
        self.model.set_weights(self.old[0])
        self.model.optimizer.set_state(self.old[1])
        before = state_of(self.model)
        try:
            with warnings.catch_warnings():  # a state of the optimizer that is left out
                warnings.simplefilter("error")
                self.read(path)
        except BaseException as error:
            assert state_of(self.model) == before, "weights changed by a load that failed"
            if isinstance(error, UserWarning):
                raise ValueError(f"refused by a warning: {error}") from error
            raise
        return state_of(self.model)[::2]

    def read(self, path):
        self.model.load_weights(path)


class WholeModel:
    def __init__(self, name, sealed=True):
        self.name, self.checks_values = name, sealed

    def make(self, path):
        model = make_model(1)
        model.save(path)
        if not self.checks_values:
            path.write_bytes(path.read_bytes()[: -formats.SEAL_BYTES])
        self.good = state_of(model)

    def load(self, path):
        return state_of(minigrad.models.load_model(path))


class Container(WholeModel):
    """A ``.keras`` file whose arrays are in an ``.npz``."""

    def make(self, path):
        from minigrad.saving import container

        has_h5py, container._has_h5py = container._has_h5py, lambda: False
        super().make(path)
        container._has_h5py = has_h5py


class Run(Weights):
    """The state of a run, as `Checkpoint` and `BackupAndRestore` write it."""

    name, checks_values = "run.npz", True

    def __init__(self):
        pass

    def make(self, path):
        good = make_model(1)
        minigrad.Checkpoint(path.parent / "run", model=good).save(epoch=1)
        os.replace(path.parent / "run" / "checkpoint-1.npz", path)
        (path.parent / "run").rmdir()
        self.model, self.good = make_model(2), state_of(good)[::2]
        self.old = self.model.get_weights(), self.model.optimizer.get_state()

    def read(self, path):
        checkpoint = minigrad.Checkpoint(path.parent / "run", model=self.model)
        assert checkpoint.restore(path) == {"epoch": 1}


class Images:
    """MNIST's containers, of few images."""

    checks_values = True

    def __init__(self, name):
        self.name = name
        rng = np.random.default_rng(0)
        shapes = {"x_train": (9, 7, 7), "y_train": (9,), "x_test": (4, 7, 7), "y_test": (4,)}
        self.arrays = {k: rng.integers(256, size=s, dtype=np.uint8) for k, s in shapes.items()}
        expected = {
            key: (a.shape, hashlib.sha256(self.idx(a)).hexdigest())
            for key, a in self.arrays.items()
        }
        self.dataset = _containers.ImageDataset("mnist", "MNIST", expected, (), "m.npz", "MNIST")

    @staticmethod
    def idx(a):
        return struct.pack(f">HBB{a.ndim}I", 0, 8, a.ndim, *a.shape) + a.tobytes()

    def make(self, path):
        import gzip

        content = self.idx(self.arrays["x_test"])
        if self.name.endswith(".npz"):
            content = _containers.npz_bytes(self.arrays)
        elif self.name.endswith(".gz"):
            content = gzip.compress(content)
        path.write_bytes(content)
        self.good = self.load(path)

    def load(self, path):
        if self.name.endswith(".npz"):
            return {k: a.tobytes() for k, a in _containers.read(path, self.dataset).items()}
        with open(path, "rb") as file:
            return _containers.read_idx(file, path, "x_test", self.dataset).tobytes()


class Batches:
    """CIFAR's tar file of pickles, known by its hash."""

    name, checks_values = "cifar-10-python.tar.gz", True

    def make(self, path):
        batch = {b"data": np.arange(24, dtype="uint8").reshape(4, 6), b"labels": [0, 1, 2, 3]}
        content = pickle.dumps(batch, 4)
        with tarfile.open(path, "w:gz") as tar:
            info = tarfile.TarInfo("batches/one")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.archive = _files.DataFile(self.name, digest)
        self.members = [_files.DataFile("batches/one", hashlib.md5(content).hexdigest())]
        os.environ["MINIGRAD_DATA"] = str(path.parent)
        os.environ["MINIGRAD_OFFLINE"] = "1"
        self.good = self.load(path)

    def load(self, path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a file that is skipped
            (batch,) = _files.read_batches(self.archive, self.members)
        return batch[b"data"].tobytes(), batch[b"labels"]


class Archive:
    """`get_file(extract=True)`: files in one folder, or nothing."""

    checks_values = False  # a tar file has no checksum of its contents

    def __init__(self, name):
        self.name = name

    def make(self, path):
        content = bytes(range(256)) * 4
        if self.name.endswith("zip"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("inner/a.bin", content)
                archive.writestr("inner/b.bin", content[:9])
            return
        with tarfile.open(path, f"w:{self.name.rpartition('.')[2].replace('tar', '')}") as archive:
            for name in ("inner/a.bin", "inner/b.bin"):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))

    def load(self, path):
        home = path.parent / "home"
        (home / "datasets").mkdir(parents=True, exist_ok=True)
        copy = home / "datasets" / self.name
        copy.write_bytes(path.read_bytes())
        out = home / "datasets" / f"{self.name.partition('.')[0]}_extracted"
        try:
            get_file(self.name, "https://nowhere.invalid/", extract=True, cache_dir=str(home))
        except BaseException:
            assert not out.exists(), "a refused archive left something"
            raise
        finally:
            for folder, _, names in os.walk(home, topdown=False):
                for name in names:
                    os.unlink(os.path.join(folder, name))
                os.rmdir(folder)


class Picture:
    """As many pixels as Pillow is told to allow, which may be packed much more than arrays."""

    checks_values = False

    def __init__(self, name):
        self.name = name

    def make(self, path):
        pixels = np.random.default_rng(0).integers(256, size=(9, 12, 3)).astype("uint8")
        Image.fromarray(pixels).save(path)

    def load(self, path):
        Image.MAX_IMAGE_PIXELS = 1 << 20  # twice as many are refused
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about odd pictures
            minigrad.utils.img_to_array(minigrad.utils.load_img(path))


class Description:
    """A model's JSON."""

    name, checks_values = "model.json", False

    def make(self, path):
        path.write_text(make_model(1).to_json())

    def load(self, path):
        text = path.read_bytes().decode(errors="replace")
        try:
            described = json.loads(text)
            units = [entry["config"].get("units", 0) for entry in described["config"]["layers"]]
            shapes = json.dumps(described)
            if max(units) > 10**4 or any(len(number) > 4 for number in digits_in(shapes)):
                return  # without a file of weights, nothing says how many there may be
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        minigrad.models.model_from_json(text)


def digits_in(text):
    return "".join(c if c.isdigit() else " " for c in text).split()


def make_loaders():
    loaders = [
        Weights(".npz"), Container("npz.keras"), Run(), Images("images.npz"), Images("images.idx"),
        Images("images.gz"), Batches(), Archive("a.tar"), Archive("a.tar.gz"), Archive("a.zip"),
        Description(),
    ]  # fmt: skip
    if h5py is not None:
        loaders += [
            Weights(".weights.h5"), Weights("2.weights.h5", sealed=False), Weights(".keras"),
            WholeModel("m.keras"), WholeModel("m.h5"), WholeModel("old.h5", sealed=False),
        ]  # fmt: skip
    if Image is not None:
        loaders += [Picture("p.png"), Picture("p.jpg"), Picture("p.gif"), Picture("p.bmp")]
    return {loader.name: loader for loader in loaders}


# --- how they are damaged ------------------------------------------------------------------------


def damage(content, rng, others):
    """Return bytes that differ from `content`, but for a few of the ways in a few places."""
    content = bytearray(content)
    ways = (flip, flip, flip, set_bytes, truncate, extend, clear, cut_out, repeat, splice, resize)
    for _ in range(rng.integers(1, 3)):
        ways[rng.integers(len(ways))](content, rng, others)
    return bytes(content)


def place(content, rng):
    # Half of the places are in the beginning and the end, where headers and directories are.
    n = max(len(content), 1)
    where = rng.integers(4)
    if where == 0:
        return int(rng.integers(min(n, 600)))
    return int(n - 1 - rng.integers(min(n, 600)) if where == 1 else rng.integers(n))


def flip(content, rng, _):
    if content:
        content[place(content, rng)] ^= 1 << rng.integers(8)


def set_bytes(content, rng, _):
    at = place(content, rng)
    content[at : at + 2] = rng.bytes(2)


def truncate(content, rng, _):
    del content[place(content, rng) :]


def extend(content, rng, _):
    content += rng.bytes(int(rng.integers(1, 5000)))


def clear(content, rng, _):
    at, n = place(content, rng), int(rng.integers(1, 300))
    content[at : at + n] = bytes(len(content[at : at + n]))


def cut_out(content, rng, _):
    at = place(content, rng)
    del content[at : at + int(rng.integers(1, 300))]


def repeat(content, rng, _):
    at, n = place(content, rng), int(rng.integers(1, 300))
    content[at:at] = content[at : at + n]


def splice(content, rng, others):
    other = others[rng.integers(len(others))]
    at, begin, n = place(content, rng), place(other, rng), int(rng.integers(1, 2000))
    content[at : at + n] = other[begin : begin + n]


def resize(content, rng, _):
    """Put an extreme number where a size may be."""
    number = (2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1, 2**20, 2**28, 0)[rng.integers(8)]
    width, order = (4, 8)[rng.integers(2)], ("little", "big")[rng.integers(2)]
    at = place(content, rng)
    content[at : at + width] = (number % 2 ** (8 * width)).to_bytes(width, order)


# --- the loop ------------------------------------------------------------------------------------


def memory(key):
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0  # no Linux: this is not measured
    return int(text.partition(f"{key}:")[2].split()[0]) << 10


def forget_peak():
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def files_in(folder):
    return sorted(str(path) for path in Path(folder).rglob("*"))


def main(folder, first, count, names):
    loaders = make_loaders()
    loaders = {name: loaders[name] for name in names or loaders if name in loaders}
    contents = {}
    for name, loader in loaders.items():
        path = folder / name
        loader.make(path)
        contents[name] = path.read_bytes()
        loader.load(path)
    outcomes = {"same": 0, "refused": 0, "other": 0}
    tree = files_in(folder.parent)
    forget_peak()
    before = memory("VmRSS")
    for number in range(first, first + count):
        for name, loader in loaders.items():
            rng = np.random.default_rng([number, *name.encode()])
            content = damage(contents[name], rng, [*contents.values()])
            path = folder / name
            path.write_bytes(content)
            (folder / "now").write_text(f"{name} {number}")
            fault = None
            try:
                found = loader.load(path)
                is_same = not loader.checks_values or found == loader.good
                outcomes["same" if is_same else "other"] += 1
                fault = None if is_same else "other values than those of the good file"
            except (ValueError, OSError) as error:
                outcomes["refused"] += 1
                text = f"{error} {getattr(error, '__notes__', '')}"
                if name not in text and name not in (Description.name, Batches.name):
                    fault = f"the file is not named: {error!r}"
            except BaseException as error:
                fault = f"{type(error).__name__}: {error}"
            peak = memory("VmHWM") - before
            if peak > MOST_MEMORY:
                fault = f"{peak >> 20} MiB"
                forget_peak()
                before = memory("VmRSS")
            if fault:
                print(json.dumps([name, number, fault[:300]]), flush=True)
        path.write_bytes(contents[name])
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "now").unlink(missing_ok=True)
    if files_in(folder.parent) != tree:
        print(json.dumps(["tree", first, str(set(files_in(folder.parent)) ^ set(tree))]))
    print(json.dumps(outcomes))


if __name__ == "__main__":
    if len(sys.argv) > 3:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # nothing takes all there is
        main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
