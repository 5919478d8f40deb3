"""CSVLogger loses no finished epoch, writes no half row, and mixes no two runs."""

import csv
import os
import subprocess
import sys

import pytest

from minigrad import callbacks

ROW = "epoch,loss,mae,val_loss,val_mae\n0,1.5,0.5,NA,NA\n1,1.25,0.25,NA,NA\n"


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture
def fit(make_model, data):
    def run(*several, epochs=2, **options):
        return make_model().fit(*data, epochs=epochs, verbose=0, callbacks=list(several), **options)

    return run


def test_each_epoch_is_there_when_it_has_ended(tmp_path, fit):
    seen, path = [], tmp_path / "log.csv"

    class Look(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(len(rows_of(path)))

    fit(callbacks.CSVLogger(path), Look(), epochs=3)
    assert seen == [2, 3, 4]


def test_an_old_file_stays_until_an_epoch_has_ended(tmp_path, fit):
    path = tmp_path / "log.csv"
    path.write_text(ROW)

    class Fail(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("no epoch")

    with pytest.raises(RuntimeError, match="no epoch"):
        fit(callbacks.CSVLogger(path), Fail())
    assert path.read_text() == ROW
    fit(callbacks.CSVLogger(path), epochs=1)
    assert [row[0] for row in rows_of(path)] == ["epoch", "0"]


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("more", [0, 1, 60, 150])
def test_a_full_disk_leaves_no_half_row_and_ends_the_others(
    tmp_path, fit, small_files, is_new, more
):
    path, ends = tmp_path / "log.csv", []
    path.write_text("" if is_new else ROW)
    before = path.read_bytes()
    last = callbacks.LambdaCallback(on_train_end=lambda logs: ends.append("end"))
    last.release = lambda: ends.append("release")
    logger = callbacks.CSVLogger(path, append=True)
    expected = r"expected to add to .*log\.csv, got File too large"
    with pytest.raises(OSError, match=expected), small_files(len(before) + more):
        fit(logger, last, epochs=9)
    after = path.read_bytes()
    assert after.startswith(before) and {len(row) for row in rows_of(path)} <= {5}
    assert more or after == before
    assert ends == ["release"]  # an error is no end of training
    fit(logger, last, epochs=1)
    assert len(rows_of(path)) == len(after.splitlines()) + (1 if after else 2)
    assert ends[1:] == ["end", "release"]


def test_an_error_at_the_end_of_training_skips_no_other_callback(tmp_path, fit):
    ends = []

    def fail(logs):
        raise OSError("the end")

    several = [
        callbacks.LambdaCallback(on_train_end=lambda logs: ends.append(1)),
        callbacks.LambdaCallback(on_train_end=fail),
        callbacks.LambdaCallback(on_train_end=lambda logs: ends.append(2)),
    ]
    several[0].release = fail.__get__("logs")
    several[2].release = lambda: ends.append(3)
    with pytest.raises(OSError, match="the end"):
        fit(*several)
    assert ends == [1, 2, 3]


@pytest.mark.parametrize("torn", ["2,1.1", "2", "2,1.1,0.2,NA", '2,1.1,"0.2'])
def test_a_torn_row_is_removed(tmp_path, fit, torn):
    path = tmp_path / "log.csv"
    path.write_text(ROW + torn)
    with pytest.warns(UserWarning, match=r"CSVLogger: removed the torn row .*2"):
        fit(callbacks.CSVLogger(path, append=True), initial_epoch=1)
    assert path.read_text().startswith(ROW)
    assert [len(row) for row in rows_of(path)] == [5] * 4
    assert [row[0] for row in rows_of(path)] == ["epoch", "0", "1", "1"]


@pytest.mark.parametrize("last", ["2,1.1,0.2,NA,NA", '2,1.1,0.2,NA,"a, b"'])
def test_a_whole_last_row_without_an_end_stays(tmp_path, fit, last):
    path = tmp_path / "log.csv"
    path.write_text(ROW + last)
    fit(callbacks.CSVLogger(path, append=True), initial_epoch=1)
    assert path.read_text().startswith(ROW + last + "\n") or path.read_bytes().startswith(
        (ROW + last).encode() + b"\r\n"
    )
    assert [row[0] for row in rows_of(path)] == ["epoch", "0", "1", "2", "1"]
    assert [len(row) for row in rows_of(path)] == [5] * 5


@pytest.mark.parametrize("text", ["epoch,acc,loss\n0,1,2\n", "a;b\n", "nonsense"])
def test_a_file_of_other_columns_is_refused_and_stays(tmp_path, fit, text):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"expected columns for .* in .*log\.csv, got"):
        fit(callbacks.CSVLogger(path, append=True))
    assert path.read_text().rstrip() == text.rstrip()


@pytest.mark.parametrize("append", [True, False])
def test_a_run_that_goes_on_has_a_row_for_each_epoch(tmp_path, fit, append):
    """Interrupted behind the row of an epoch whose state is not yet kept."""
    path = tmp_path / "log.csv"
    path.write_text(ROW)

    class Fail(callbacks.Callback):
        comes_last = True
        times = 0

        def on_epoch_end(self, epoch, logs=None):
            self.times += 1
            if self.times == 3:
                raise RuntimeError("between the row and the state")

        def get_state(self):
            return {}

    def several(*more):
        return *more, callbacks.CSVLogger(path, append=append), callbacks.BackupAndRestore(backup)

    backup = tmp_path / "b"
    with pytest.raises(RuntimeError, match="between"):
        fit(*several(Fail()), epochs=5)
    history = fit(*several(), epochs=5).history
    rows = rows_of(path)[3 if append else 1 :]
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [float(row[1]) for row in rows] == history["loss"]
    assert rows_of(path)[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]


def test_rows_that_are_gone_are_told(tmp_path, fit):
    path, backup = tmp_path / "log.csv", tmp_path / "b"
    keep = callbacks.BackupAndRestore(backup, delete_checkpoint=False)
    fit(callbacks.CSVLogger(path), keep, epochs=2)
    path.write_text("epoch,loss\n")
    with pytest.warns(UserWarning, match=r"CSVLogger: expected \d+ bytes in .*epochs are missing"):
        fit(callbacks.CSVLogger(path), keep, epochs=3)


def test_a_folder_that_vanishes_in_the_run_is_told(tmp_path, fit):
    folder = tmp_path / "run"
    folder.mkdir()

    class Remove(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                (folder / "log.csv").unlink()
                folder.rmdir()

    with pytest.raises(FileNotFoundError, match=r"log\.csv, which was removed since"):
        fit(callbacks.CSVLogger(folder / "log.csv"), Remove(), epochs=3)


OTHER = """
import sys
from minigrad import callbacks
logger = callbacks.CSVLogger(sys.argv[1], append=True)
try:
    logger.on_train_begin()
except RuntimeError as error:
    print(error)
else:
    logger.on_epoch_end(7, {"loss": 1.0, "mae": 2.0})
    logger.release()
"""


def test_two_runs_do_not_mix_in_one_file(tmp_path, fit):
    path, said = tmp_path / "log.csv", []

    class Other(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            said.append(
                subprocess.run(
                    [sys.executable, "-c", OTHER, str(path)], capture_output=True, text=True,
                    check=True,
                ).stdout
            )  # fmt: skip

    fit(callbacks.CSVLogger(path), Other(), epochs=1)
    assert "CSVLogger: expected a file for this run alone, got" in said[0]
    assert [row[0] for row in rows_of(path)] == ["epoch", "0"]
    Other().on_epoch_end(0)  # the lock has gone with the run
    assert [row[0] for row in rows_of(path)] == ["epoch", "0", "7"]


def test_rows_may_go_into_a_pipe(tmp_path, fit):
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs pipes that have names")
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fit(callbacks.CSVLogger(path), epochs=2)
        rows = os.read(reader, 10_000).decode().splitlines()
    finally:
        os.close(reader)
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1"]
