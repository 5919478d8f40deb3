"""What comparisons return: tables, and files that keep every bit."""

import csv
import json

import pytest

from minigrad.lab import Comparison, Run, Sweep
from minigrad.optimizers import OPTIMIZERS


def run(optimizer, seed, *losses, learning_rate=0.01, outcome="finished", detail=""):
    """A run whose validation losses after each epoch are these."""
    epochs = {
        "epoch": list(range(1, len(losses) + 1)),
        "seconds": [1.5 * (seed + 1) * epoch for epoch in range(1, len(losses) + 1)],
        "loss": [0.1 + loss for loss in losses],
        "val_loss": list(losses),
    }
    steps = {"step": [1], "seconds": [0.1], "loss": [2.5]}
    return Run(optimizer, seed, learning_rate, outcome, detail, steps, epochs if losses else {})


@pytest.fixture
def comparison():
    runs = [
        run("Adam", 0, 0.5, 0.25, 0.375),
        run("SGD", 0, 1.0, 0.75, 0.7),
        run("SGD 9", 0, 12345.678, outcome="diverged", detail="loss is nan after 7 steps"),
        run("Adam", 1, 0.5, 0.5, 0.625),
        run("SGD", 1, 1.5, outcome="interrupted"),
    ]
    return Comparison("made-up data", 23, 7, 2, runs)


@pytest.fixture
def sweep():
    runs = [
        run("SGD", 0, 0.5, 0.25, learning_rate=0.1),
        run("Adam", 0, 0.5, 0.1 + 0.2, learning_rate=0.1),
        run("SGD", 0, learning_rate=1.0, outcome="diverged", detail="loss is inf after 2 steps"),
        run("Adam", 0, 0.5, learning_rate=1.0, outcome="interrupted"),
    ]
    return Sweep("made-up data", 23, 7, 2, runs)


def test_comparison_prints_tables(comparison):
    assert str(comparison) == (
        "made-up data: 23 samples, batches of 7, seeds: 2, threads: 2\n"
        "\n"
        "val_loss after each epoch, mean over the seeds\n"
        "     Adam     SGD    SGD 9\n"
        "1  0.5000  1.0000  1.2e+04\n"
        "2  0.3750  0.7500        -\n"
        "3  0.5000  0.7000        -\n"
        "\n"
        "after the last epoch, mean ± standard deviation\n"
        "              val_loss  lowest val_loss    seconds\n"
        "Adam   0.5000 ± 0.1768  0.3750 ± 0.1768  6.8 ± 3.2\n"
        "SGD             0.7000           0.7000        4.5\n"
        "SGD 9          1.2e+04          1.2e+04        1.5\n"
        "\n"
        "SGD 9, lr 0.01, seed 0: diverged (loss is nan after 7 steps)\n"
        "SGD, lr 0.01, seed 1: interrupted"
    )


def test_mean_of_unfinished_runs_is_over_those_that_came_so_far():
    runs = [run("SGD", 0, 1.0, 2.0, outcome="failed"), run("SGD", 1, 4.0, outcome="failed")]
    assert Comparison("", 23, 7, 2, runs).means("SGD", "val_loss") == [2.5, 2.0]


def test_sweep_prints_a_table(sweep):
    assert str(sweep) == (
        "made-up data: 23 samples, batches of 7, seeds: 1, threads: 2\n"
        "\n"
        "val_loss after the last epoch, for each learning rate (×: diverged)\n"
        "        SGD    Adam\n"
        "0.1  0.2500  0.3000\n"
        "1         ×       -\n"
        "\n"
        "Adam, lr 1, seed 0: interrupted"
    )


def test_tables_of_all_optimizers_fit_a_terminal_of_80_columns():
    names = [rule.__name__ for rule in OPTIMIZERS.members]
    runs = [run(name, seed, *[2.3026] * 10) for name in names for seed in range(3)]
    comparison = Comparison("synthetic digits (NOT MNIST)", 60000, 60, 2, runs)
    assert max(map(len, str(comparison).splitlines())) <= 80


def test_tables_wider_than_the_terminal_go_on_below(comparison, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    text = str(comparison)
    assert (
        "val_loss after each epoch, mean over the seeds\n"
        "     Adam     SGD\n"
        "1  0.5000  1.0000\n"
        "2  0.3750  0.7500\n"
        "3  0.5000  0.7000\n"
        "\n"
        "     SGD 9\n"
        "1  1.2e+04\n"
        "2        -\n"
        "3        -\n"
    ) in text
    assert "SGD, lr 0.01, seed\n    1: interrupted" in text


def test_result_without_a_whole_epoch_still_prints():
    result = Comparison("made-up data", 23, 7, 2, [run("SGD", 0, outcome="interrupted")])
    assert str(result).endswith("SGD, lr 0.01, seed 0: interrupted")


def test_json_keeps_everything(comparison, sweep, tmp_path):
    for result in (comparison, sweep):
        result.save(tmp_path / "result.json")
        loaded = type(result).load(tmp_path / "result.json")
        assert loaded == result
        assert str(loaded) == str(result)
    sweep.runs[0].seed = 1
    assert loaded != sweep


def test_csv_has_a_row_for_each_epoch_and_loses_no_bit(sweep, tmp_path):
    sweep.save(tmp_path / "result.csv")
    with open(tmp_path / "result.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["optimizer"], row["learning_rate"], row["epoch"]) for row in rows] == [
        ("SGD", "0.1", "1"), ("SGD", "0.1", "2"), ("Adam", "0.1", "1"), ("Adam", "0.1", "2"),
        ("SGD", "1.0", ""), ("Adam", "1.0", "1"),
    ]  # fmt: skip
    assert rows[4]["outcome"] == "diverged"
    assert rows[4]["detail"] == "loss is inf after 2 steps"
    assert float(rows[3]["val_loss"]) == 0.1 + 0.2
    assert list(rows[0])[:5] == ["optimizer", "seed", "learning_rate", "outcome", "detail"]


def test_file_stays_as_it_was_if_saving_fails(comparison, tmp_path):
    path = tmp_path / "result.json"
    comparison.save(path)
    before = path.read_bytes()
    comparison.runs[-1].steps["loss"].append(float("nan"))  # JSON has no such number
    with pytest.raises(ValueError, match="JSON"):
        comparison.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_save_knows_two_endings(comparison, tmp_path):
    with pytest.raises(ValueError, match=r"expected a name in \.json or \.csv, got '.*\.xlsx'"):
        comparison.save(tmp_path / "result.xlsx")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"kind": "Comparison"}', '{"kind": "Comparison", "runs": [{"x": 1}]}'],
)
def test_load_refuses_what_save_did_not_write(content, tmp_path):
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"a JSON file that Comparison\.save wrote, got '.*json'"):
        Comparison.load(path)


def test_load_tells_comparisons_from_sweeps(comparison, tmp_path):
    path = tmp_path / "result.json"
    comparison.save(path)
    assert json.loads(path.read_text())["kind"] == "Comparison"
    with pytest.raises(ValueError, match=r"that Sweep\.save wrote"):
        Sweep.load(path)
