"""Editors complete names and arguments: jedi, and IPython, which asks jedi."""

import inspect
from pathlib import Path

import pytest

import minigrad

ROOT = Path(minigrad.__file__).parents[1]
CASES = [
    ("import minigrad\nminigrad.Seq", "Sequential"),
    ("import minigrad\nminigrad.layers.Conv2D", "Conv2DTranspose"),
    ("from minigrad.layers import Conv2D\nConv2D(act", "activation="),
    ("from minigrad.layers import Dense\nDense(10, kernel_i", "kernel_initializer="),
    ("import minigrad\nmodel = minigrad.Sequential()\nmodel.fi", "fit"),
    ("import minigrad\nmodel = minigrad.Sequential()\nmodel.fit(epo", "epochs="),
    ("from minigrad.optimizers import Adam\nAdam(lea", "learning_rate="),
    ("from minigrad import ops\nops.mean([1.0]).backw", "backward"),
]


@pytest.mark.parametrize(("code", "name"), CASES, ids=[name for _, name in CASES])
def test_jedi_completes(code, name):
    jedi = pytest.importorskip("jedi", reason="pip install jedi")
    script = jedi.Script(code, project=jedi.Project(ROOT))
    assert name in [completion.name for completion in script.complete()]


@pytest.mark.parametrize(("code", "name"), CASES, ids=[name for _, name in CASES])
def test_ipython_completes_in_a_cell(code, name, monkeypatch):
    pytest.importorskip("IPython", reason="pip install ipython")
    from IPython.core.completer import IPCompleter, provisionalcompleter

    monkeypatch.syspath_prepend(ROOT)
    completer = IPCompleter(use_jedi=True)
    with provisionalcompleter():
        found = [found.text for found in completer.completions(code, len(code))]
    assert name in found


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("Conv2D(act", "activation="),
        ("Dense(10, trai", "trainable="),
        ("Mine(uni", "units="),
        ("Adam(global", "global_clipnorm="),
    ],
)
def test_ipython_completes_what_an_earlier_cell_imported(code, name):
    pytest.importorskip("IPython", reason="pip install ipython")
    from IPython.core.completer import IPCompleter, provisionalcompleter

    from minigrad import layers, optimizers

    class Mine(layers.Dense):
        pass

    names = {"Conv2D": layers.Conv2D, "Dense": layers.Dense, "Mine": Mine, "Adam": optimizers.Adam}
    completer = IPCompleter(namespace=names, use_jedi=False)
    with provisionalcompleter():
        assert name in [found.text for found in completer.completions(code, len(code))]


def test_a_class_tells_its_arguments_and_an_instance_those_of_its_call():
    from minigrad import layers, optimizers

    class Plain(layers.Layer):
        def __init__(self, units):
            super().__init__()

    assert [*inspect.signature(Plain).parameters] == ["units"]
    for cls, given in (  # what they hand to their base themselves
        (layers.ReLU, "activation"),
        (layers.ActivityRegularization, "activity_regularizer"),
    ):
        assert given not in inspect.signature(cls).parameters
    assert [*inspect.signature(optimizers.SGD).parameters][:3] == [
        "learning_rate", "momentum", "nesterov",
    ]  # fmt: skip
    called = inspect.signature(layers.Dense(1))
    assert "training" in called.parameters and "units" not in called.parameters


def test_jedi_shows_the_arguments_with_their_types():
    jedi = pytest.importorskip("jedi", reason="pip install jedi")
    code = "from minigrad.layers import Conv2D\nConv2D("
    (signature,) = jedi.Script(code, project=jedi.Project(ROOT)).get_signatures()
    text = signature.to_string()
    assert 'padding: Padding="valid"' in text and "bias_regularizer: " in text
    assert "kwargs" not in text
