"""No code in a file is run: nothing in the package could, and an attack through each door fails."""

import ast
import contextlib
import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import callbacks, datasets, lab, layers, utils
from minigrad.datasets import _files
from minigrad.models import load_model, model_from_json
from minigrad.saving import formats
from minigrad.saving.state import State, attributes_of, set_attributes

PACKAGE = Path(minigrad.__file__).parent

MODULES = {
    "pickle",
    "_pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "yaml",
    "runpy",
}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {"loads", "load_module", "import_module", "exec_module", "system", "popen"}

# Where such a name stands all the same, and why it does no harm.
OWN_MODULES = "the package's own modules, loaded when asked for"
ALLOWED = {
    ("datasets/_files.py", "pickle"): "ArrayUnpickler, which makes arrays and nothing else",
    ("datasets/_words.py", "loads"): "json",
    ("distribution/group.py", "loads"): "of its own dumps: can this error travel to other ranks?",
    (
        "distribution/group.py",
        "pickle",
    ): "the same; ranks, which run one program, do not read files",
    ("lab/results.py", "loads"): "json",
    ("saving/checkpoint.py", "loads"): "json",
    ("saving/formats.py", "loads"): "json",
    ("__init__.py", "import_module"): OWN_MODULES,
    ("command_line/__init__.py", "import_module"): OWN_MODULES,
    ("command_line/models.py", "import_module"): OWN_MODULES,
    ("kernels/__init__.py", "import_module"): OWN_MODULES,
    ("ops/__init__.py", "import_module"): OWN_MODULES,
    ("saving/__init__.py", "import_module"): OWN_MODULES,
    ("saving/savable.py", "import_module"): OWN_MODULES,
    ("utils/__init__.py", "import_module"): OWN_MODULES,
    ("utils/download.py", "import_module"): "gzip, bz2 or lzma, where Python has them",
    ("utils/old_names.py", "import_module"): OWN_MODULES,
    ("wrappers/__init__.py", "import_module"): OWN_MODULES,
}


def doors(path):
    """The names in a file by which bytes could become code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            yield node.module
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in CALLS:
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                name = node.func.attr
                is_load = name == "load" and isinstance(node.func.value, ast.Name)
                if name in METHODS or (is_load and node.func.value.id in ("np", "numpy")):
                    yield name
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            yield from ["allow_pickle"] if getattr(node.value, "value", True) else []


def test_nothing_in_the_package_makes_code_of_bytes():
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for name in doors(path)
    }
    assert found <= set(ALLOWED), sorted(found - set(ALLOWED))


def test_the_search_finds_what_it_is_for(tmp_path):
    lines = (
        "import pickle", "from marshal import loads", "eval('1')", "np.load('a')", "yaml.load(x)",
        "import yaml", "marshal.loads(x)", "np.lib.format.read_array(x, allow_pickle=True)",
        "importlib.import_module(name)", "os.system('ls')", "compile(a, b, c)",
    )  # fmt: skip
    for line in lines:
        (tmp_path / "sample.py").write_text(line)
        assert list(doors(tmp_path / "sample.py")) or line == "yaml.load(x)", line


class Attack:
    """Whoever unpickles it makes a folder ``harm``."""

    def __reduce__(self):
        return os.mkdir, ("harm",)


def bombs():
    """Pickles in all the wrappings that loaders take."""
    plain = pickle.dumps(Attack())
    old = pickle.dumps(Attack(), 0)
    array = io.BytesIO()
    np.save(array, np.array([Attack()] * 3, object), allow_pickle=True)
    yield from (plain, old, array.getvalue())
    for name, content in (("layers/dense/kernel.npy", array.getvalue()), ("data.pkl", plain)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for member in (name, "x.npy", "x_train.npy", "config.json", "metadata.json"):
                archive.writestr(member, content)
        yield file.getvalue()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        info = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        info.size = len(plain)
        tar.addfile(info, io.BytesIO(plain))
    yield file.getvalue()
    import gzip

    yield gzip.compress(plain)


def loaders(folder, model):
    """Everything that reads a file, as functions of its content."""

    def put(name, content):
        (folder / name).write_bytes(content)
        return folder / name

    for ending in (".npz", ".weights.h5", ".h5", ".hdf5", ".keras"):
        yield lambda content, e=ending: model.load_weights(put(f"w{e}", content))
    for ending in (".keras", ".h5"):
        yield lambda content, e=ending: load_model(put(f"m{e}", content), safe_mode=False)
    yield lambda content: load_model(io.BytesIO(content))
    yield lambda content: formats.load_arrays(put("a.npz", content))
    yield lambda content: lab.Comparison.load(put("c.json", content))
    checkpoint = minigrad.Checkpoint(folder / "run", model=model)
    yield lambda content: checkpoint.restore(put("c.npz", content))
    yield lambda content: model_from_json(content.decode("latin-1"))
    for name in ("mnist", "fashion_mnist"):
        yield lambda content, n=name: getattr(datasets, n).load_data(put("d.npz", content))
    for name in ("imdb", "reuters", "boston_housing"):
        yield lambda content, n=name: getattr(datasets, n).load_data(path=put("d.npz", content))
    yield lambda content: datasets.california_housing.load_data(path=put("d.npz", content))
    yield lambda content: datasets.imdb.get_word_index(put("w.json", content))
    yield lambda content: _files.ArrayUnpickler(io.BytesIO(content)).load()
    yield lambda content: utils.load_img(put("p.png", content))
    yield lambda content: layers.StringLookup(vocabulary=str(put("v.txt", content)))


def test_a_pickle_runs_nothing_through_any_door(folder, make_model):
    model = make_model()
    before = model.weights_hash()
    tried = 0
    for load in loaders(folder, model):
        for bomb in bombs():
            with contextlib.suppress(ValueError, OSError, pickle.UnpicklingError, ImportError):
                load(bomb)
            tried += 1
            assert not (folder / "harm").exists()
    assert tried > 140
    assert model.weights_hash() == before


def test_the_attack_works(folder):
    """Else the test above would show nothing."""
    pickle.loads(next(bombs()))
    (folder / "harm").rmdir()


def test_what_the_unpickler_makes():
    content = pickle.dumps({b"data": np.arange(6).reshape(2, 3), b"labels": [1, 2]}, 4)
    made = _files.ArrayUnpickler(io.BytesIO(content)).load()
    np.testing.assert_array_equal(made[b"data"], [[0, 1, 2], [3, 4, 5]])
    for other in (os.system, np.save, np.frombuffer, Path, type, object(), compile, np.load):
        with pytest.raises((pickle.UnpicklingError, ValueError)):
            _files.ArrayUnpickler(io.BytesIO(pickle.dumps(other))).load()


@pytest.mark.parametrize("name", ["test", "seed", "Generator", "nothing"])
def test_a_checkpoint_makes_bit_generators_alone(name):
    made = np.random.default_rng(0).bit_generator.state | {"bit_generator": name}
    with pytest.raises(ValueError, match=f"one of NumPy's bit generators, got '{name}'"):
        State([]).unpack({"generator": State([]).pack(made, "g")})


def test_a_checkpoint_does_not_decide_where_callbacks_write(tmp_path):
    log = callbacks.CSVLogger(tmp_path / "log.csv")
    attributes = attributes_of(log)
    assert "filename" not in attributes
    set_attributes(log, attributes | {"filename": str(tmp_path / "other.csv")})
    assert os.fspath(log.filename) == os.fspath(tmp_path / "log.csv")
