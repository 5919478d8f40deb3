"""Editors complete names and arguments: jedi, and IPython, which asks jedi."""

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


def test_jedi_shows_the_arguments_with_their_types():
    jedi = pytest.importorskip("jedi", reason="pip install jedi")
    code = "from minigrad.layers import Conv2D\nConv2D("
    (signature,) = jedi.Script(code, project=jedi.Project(ROOT)).get_signatures()
    text = signature.to_string()
    assert 'padding: Padding="valid"' in text and "bias_regularizer: " in text
    assert "kwargs" not in text
