"""The measuring code of `benchmarks/`: it must refuse what is not comparable, and clean up."""

import math
import sys
import types
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("the benchmarks are not next to these tests", allow_module_level=True)

# A contender that computes relu and its gradient by itself, correctly if FACTOR is 1.
PEER = """
import numpy as np
from benchmarks import inputs
from benchmarks.measure import Task, repeat

FACTOR = {factor}

def configure(threads):
    return "peer 1.0"

def operation(variant, name, shapes):
    (x,) = inputs.arrays(shapes)
    gy = inputs.upstream(x.shape)

    def once():
        return np.maximum(x, 0), FACTOR * gy * (x > 0)

    def fails(count):
        raise NotImplementedError

    return Task({{"plain": repeat(once), "not here": fails}}, once)
"""


@pytest.fixture
def benchmarks(monkeypatch, tmp_path):
    """The modules of `benchmarks/`, and `tmp_path` as a place for more contenders."""
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.syspath_prepend(tmp_path)
    from benchmarks import __main__, inputs, measure, rows

    yield types.SimpleNamespace(main=__main__, inputs=inputs, measure=measure, rows=rows)
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        del sys.modules[name]


def test_distance_accepts_rounding_alone(benchmarks):
    distance = benchmarks.measure.distance
    x = np.linspace(-1, 2, 7)
    assert distance([x, x], [x, x]) == 0
    assert distance([x], [x * (1 + 1e-7)]) == pytest.approx(1e-7)
    assert distance([x, x], [x, -x]) == pytest.approx(2)
    assert distance([x], [x[1:]]) == math.inf
    assert distance([x], [x, x]) == math.inf
    assert math.isnan(distance([x, x], [np.full(7, np.nan), x]))


def test_a_wrong_peer_is_refused_and_a_missing_one_is_named(benchmarks, tmp_path):
    (tmp_path / "right_peer.py").write_text(PEER.format(factor=1))
    (tmp_path / "wrong_peer.py").write_text(PEER.format(factor=1.001))
    (tmp_path / "missing_peer.py").write_text("import no_such_library")
    measure = benchmarks.measure
    modules = {"minigrad": "benchmarks.ours"}
    modules |= {name: f"{name}_peer" for name in ("right", "wrong", "missing")}
    case = benchmarks.rows.operation_case("relu", "relu", ((3, 5),), tuple(modules))
    running = {name: measure.Process(module, "", 1) for name, module in modules.items()}
    try:
        result = measure.run_case(case, running, windows=2, length=1e-4)
    finally:
        for process in running.values():
            process.stop()
    assert set(result.values) == {"minigrad", "right"}
    assert all(len(values) == 2 and min(values) > 0 for values in result.values.values())
    assert result.ways["right"] == "peer 1.0: plain"
    assert "computes something else" in result.failures["wrong"]
    assert "no_such_library" in result.failures["missing"]


def test_a_process_that_dies_is_a_failure(benchmarks, tmp_path):
    (tmp_path / "dying_peer.py").write_text("import os\nos._exit(3)")
    process = benchmarks.measure.Process("dying_peer", "", 1)
    try:
        with pytest.raises(benchmarks.measure.RefusedError, match="died"):
            process.ask("prepare", "operation", {}, 1e-4)
    finally:
        process.stop()


def test_busy_processes_are_stopped_on_an_error(benchmarks):
    with pytest.raises(KeyError), benchmarks.measure.busy(2) as started:
        assert [process.poll() for process in started] == [None, None]
        raise KeyError
    assert len(started) == 2
    assert None not in [process.poll() for process in started]


def test_table_shows_ratios_of_the_same_rounds_and_their_quartiles(benchmarks):
    result = benchmarks.measure.Result("case", values={"minigrad": [1.0, 2.0, 4.0]})
    result.values["torch"] = [3.0, 8.0, 20.0]  # ratios 3, 4, 5
    result.values["limit"] = [0.5, 1.0, 2.0]  # no peer, though faster
    result.failures["jax"] = "not here"
    line = benchmarks.main.table_line(result, ["torch", "jax", "limit"])
    assert line[:3] == ["case", "2 s (1.5 s – 3 s)", "torch 8 s"]
    assert line[3:] == ["4.00 (3.50 – 4.50)", "failed", "0.50 (0.50 – 0.50)"]


def test_every_case_names_contenders_that_exist(benchmarks):
    for make_cases, *_ in benchmarks.rows.ROWS.values():
        cases = list(make_cases())
        assert len({case.title for case in cases}) == len(cases)
        for case in cases:
            assert case.contenders[0] == "minigrad"
            assert set(case.contenders) <= set(benchmarks.rows.CONTENDERS)
