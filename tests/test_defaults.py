"""The defaults of every public argument are Keras's, but for the differences that are listed.

``python tests/test_defaults.py`` writes golden/keras_defaults.json anew; it needs Keras.
"""

import importlib
import inspect
import json
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden" / "keras_defaults.json"
MODULES = (
    *("activations", "callbacks", "constraints", "initializers", "layers", "losses", "metrics"),
    *("models", "ops", "optimizers", "optimizers.schedules", "regularizers", "utils"),
)
PLAIN = (bool, int, float, str, tuple, type(None))
SCHEDULES = (
    *("CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay"),
    *("PiecewiseConstantDecay", "PolynomialDecay"),
)
DIFFERENCES = {
    "callbacks.BackupAndRestore(double_checkpoint)": True,  # the newest file may be damaged
    "layers.PReLU(alpha_initializer)": "zeros",  # "Zeros"
    **{f"optimizers.schedules.{name}(name)": None for name in SCHEDULES},  # their class's name
}


def defaults_of(value):
    """The arguments that have a plain default (numbers, names, tuples of them), and these."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return {}
    found = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    plain = {name: default for name, default in found.items() if isinstance(default, PLAIN)}
    return json.loads(json.dumps(plain))  # tuples as lists


def public(package, module):
    found = importlib.import_module(f"{package}.{module}")
    names = [name for name in dir(found) if not name.startswith("_")]
    return {name: getattr(found, name) for name in names if callable(getattr(found, name))}


@pytest.mark.parametrize("module", MODULES)
def test_defaults_are_keras(module):
    golden = json.loads(GOLDEN.read_text("utf-8"))[module]
    ours = public("minigrad", module)
    compared = 0
    for name, expected in golden.items():
        actual = defaults_of(ours[name]) if name in ours else {}
        for argument in actual.keys() & expected.keys():
            compared += 1
            title = f"{module}.{name}({argument})"
            if title in DIFFERENCES:
                assert actual[argument] == DIFFERENCES[title] != expected[argument], title
            else:
                assert actual[argument] == expected[argument], title
    assert compared


if __name__ == "__main__":
    golden = {
        module: {n: d for n, v in public("keras", module).items() if (d := defaults_of(v))}
        for module in MODULES
    }
    GOLDEN.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n", "utf-8")
