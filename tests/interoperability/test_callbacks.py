"""Callbacks that other libraries wrote for Keras, as they come, and what they have recorded."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import Sequential, layers
from minigrad.callbacks import BackupAndRestore, CallbackList, TensorBoard
from minigrad.callbacks.base import Adapted

X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
Y = X.sum(axis=1)
ROOT = Path(minigrad.__file__).parent.parent

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the libraries


def fit(*callbacks, epochs=3, **options):
    minigrad.utils.set_random_seed(0)
    model = Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    options = {"validation_data": (X, Y), "verbose": 0, "batch_size": 8} | options
    history = model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **options)
    return model, history


# --- how they are called -------------------------------------------------------------------------


def test_only_hooks_that_they_define_are_called(library):
    calls = []

    class Own(library("keras").callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            calls.append((epoch, sorted(logs), self.params["epochs"], type(self.model)))

        def on_batch_end(self, batch, logs=None):
            calls.append(batch)

    own = Own()
    callbacks = CallbackList([own], "model", {"epochs": 1})
    assert isinstance(callbacks.callbacks[0], Adapted)
    needed = {name for name in callbacks.hooks if callbacks.need(name)}
    assert needed == {"on_epoch_end", "on_train_batch_end", "on_batch_end"}
    fit(own, epochs=1)
    assert calls == [0, 1, 2, (0, ["loss", "mae", "val_loss", "val_mae"], 1, Sequential)]


@pytest.mark.parametrize("wrong", [len, "EarlyStopping", object(), np.ones(3)])
def test_what_is_no_callback_is_still_refused(wrong):
    with pytest.raises(TypeError, match="expected an instance of Callback each"):
        fit(wrong)


def test_a_class_in_place_of_its_instance_is_refused(library):
    with pytest.raises(TypeError, match="expected an instance of Callback each"):
        fit(library("keras").callbacks.EarlyStopping)


def test_they_stand_beside_what_keeps_the_state_of_a_run(library, tmp_path):
    stopping = library("keras").callbacks.EarlyStopping(patience=5)
    first, _ = fit(BackupAndRestore(tmp_path / "run"), stopping)
    plain, _ = fit()
    assert first.weights_hash() == plain.weights_hash()


# --- Keras's own ---------------------------------------------------------------------------------


def test_early_stopping_of_keras_stops_and_restores(library):
    stopping = library("keras").callbacks.EarlyStopping(
        "val_loss", mode="max", patience=1, restore_best_weights=True
    )
    model, history = fit(stopping, epochs=9)
    assert history.epoch == [0, 1]
    best, _ = fit(epochs=1)
    assert model.weights_hash() == best.weights_hash()


def test_checkpoints_of_keras_are_models(library, tmp_path):
    callbacks = library("keras").callbacks
    path, weights = tmp_path / "{epoch}.keras", tmp_path / "last.weights.h5"
    model, _ = fit(
        callbacks.ModelCheckpoint(path), callbacks.ModelCheckpoint(weights, save_weights_only=True)
    )
    again = minigrad.models.load_model(tmp_path / "3.keras")
    assert again.weights_hash() == model.weights_hash()
    other, _ = fit(epochs=1)
    other.load_weights(weights)
    assert other.weights_hash() == model.weights_hash()


def test_learning_rates_follow_keras_callbacks(library):
    callbacks = library("keras").callbacks
    model, _ = fit(callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2))
    assert model.optimizer.learning_rate == pytest.approx(0.001 / 8)
    model, history = fit(callbacks.ReduceLROnPlateau(min_delta=1e9, patience=1, factor=0.5))
    assert model.optimizer.learning_rate == pytest.approx(0.001 / 4)
    assert len(history.history["learning_rate"]) == 3


def test_other_callbacks_of_keras(library, tmp_path):
    callbacks, epochs = library("keras").callbacks, []
    recorded = callbacks.History()
    _, history = fit(
        callbacks.CSVLogger(tmp_path / "log.csv"), callbacks.TerminateOnNaN(), recorded,
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch)),
    )  # fmt: skip
    assert epochs == [0, 1, 2] and recorded.history["val_loss"] == history.history["val_loss"]
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert len(lines) == 4 and lines[0] == "epoch,loss,mae,val_loss,val_mae"


# --- TensorBoard's files, read by its reader -----------------------------------------------------


def read_events(library, folder):
    """The numbers of a folder by name, each a list of (step, value); and names of histograms."""
    accumulator = library("tensorboard.backend.event_processing.event_accumulator")
    tensors = library("tensorboard.util.tensor_util")
    events = accumulator.EventAccumulator(str(folder), {"tensors": 0, "scalars": 0})
    events.Reload()
    tags = events.Tags()
    found = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags["scalars"]}
    for tag in tags["tensors"]:
        made = [(e.step, tensors.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
        found[tag] = [
            (step, float(x) if x.dtype.kind == "f" and x.ndim == 0 else x) for step, x in made
        ]
    return found, tags["histograms"]


@pytest.mark.parametrize("whose", ["minigrad", "keras"])
def test_tensorboard_reads_what_was_written(library, tmp_path, whose):
    library("tensorboard")
    cls = TensorBoard if whose == "minigrad" else library("keras").callbacks.TensorBoard
    _, history = fit(cls(str(tmp_path), histogram_freq=1))
    train, histograms = read_events(library, tmp_path / "train")
    validation, _ = read_events(library, tmp_path / "validation")
    for name, found in (("mae", train["epoch_mae"]), ("val_loss", validation["epoch_loss"])):
        assert [step for step, _ in found] == [0, 1, 2]
        np.testing.assert_allclose([value for _, value in found], history.history[name], rtol=1e-6)
    if whose == "minigrad":  # Keras's writes that of its own optimizers alone
        assert [value for _, value in train["epoch_learning_rate"]] == pytest.approx([0.001] * 3)
    assert any("kernel" in name for name in [*histograms, *train])


def test_tensorboard_x_reads_with_the_same_names(library, tmp_path):
    """What tensorboardX writes and what minigrad writes differ in nothing that a reader sees."""
    writer = library("tensorboardX").SummaryWriter(str(tmp_path / "theirs"))
    _, history = fit(TensorBoard(tmp_path / "ours"))
    for epoch, value in enumerate(history.history["loss"]):
        writer.add_scalar("epoch_loss", value, epoch)
    writer.close()
    theirs, _ = read_events(library, tmp_path / "theirs")
    ours, _ = read_events(library, tmp_path / "ours" / "train")
    assert ours["epoch_loss"] == theirs["epoch_loss"]


# --- trackers and bars ---------------------------------------------------------------------------


def test_tqdm_draws_its_bars(library):
    output = io.StringIO()
    fit(library("tqdm.keras").TqdmCallback(verbose=2, file=output))
    text = output.getvalue()
    assert "3/3" in text and "loss=" in text and "val_mae=" in text


@pytest.mark.parametrize("name", ["KerasPruningCallback", "TFKerasPruningCallback"])
def test_optuna_prunes_a_trial(library, name):
    optuna, integration = library("optuna"), library("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    lengths = []

    def objective(trial):
        _, history = fit(getattr(integration, name)(trial, "val_loss"))
        lengths.append(len(history.epoch))
        return history.history["val_loss"][-1]

    study = optuna.create_study(pruner=optuna.pruners.NopPruner())
    study.optimize(objective, n_trials=1)
    (trial,) = study.trials
    assert lengths == [3] and sorted(trial.intermediate_values) == [0, 1, 2]
    assert trial.intermediate_values[2] == pytest.approx(trial.value)
    pruning = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=0.0))
    pruning.optimize(objective, n_trials=1)
    assert pruning.trials[0].state == optuna.trial.TrialState.PRUNED and lengths == [3]


def test_wandb_logs_and_saves(library, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
    wandb, integration = library("wandb"), library("wandb.integration.keras")
    run = wandb.init(project="minigrad", dir=str(tmp_path))
    try:
        model, history = fit(
            integration.WandbMetricsLogger(), integration.WandbModelCheckpoint("best.keras")
        )
        assert run.summary["epoch/val_loss"] == pytest.approx(history.history["val_loss"][-1])
        assert run.summary["epoch/learning_rate"] == pytest.approx(0.001)
    finally:
        run.finish()
    assert minigrad.models.load_model("best.keras").weights_hash() == model.weights_hash()


@pytest.mark.parametrize(
    ("module", "name"), [("mlflow.keras", "optimizer_name"), ("mlflow.tensorflow", "opt_name")]
)
def test_mlflow_logs_metrics_and_parameters(library, tmp_path, module, name):
    mlflow = library("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/runs.db")
    mlflow.create_experiment("minigrad", artifact_location=str(tmp_path / "artifacts"))
    mlflow.set_experiment("minigrad")
    with mlflow.start_run() as run:
        _, history = fit(library(module).MlflowCallback())
    client = mlflow.tracking.MlflowClient()
    logged = client.get_metric_history(run.info.run_id, "validation_loss")
    expected = history.history["val_loss"][-1]
    assert logged and logged[-1].value == pytest.approx(expected)
    parameters = client.get_run(run.info.run_id).data.params
    assert parameters[name] == "adam"


@pytest.mark.parametrize("name", ["PlotLossesKeras", "PlotLossesKerasTF"])
def test_livelossplot_gathers_the_curves(library, name):
    livelossplot = library("livelossplot")
    printer = library("livelossplot.outputs").ExtremaPrinter()
    plot = getattr(livelossplot, name)(outputs=[printer])
    _, history = fit(plot)
    curves = plot.liveplot.logger.log_history
    for ours in ("loss", "val_loss"):
        values = [item.value for item in curves[ours]]
        np.testing.assert_allclose(values, history.history[ours])


ALIAS = """
import sys
import minigrad
sys.modules["keras"], sys.modules["tensorflow"] = minigrad, None
from {module} import {name} as Callback
model = minigrad.Sequential([minigrad.layers.Dense(1)])
model.compile("adam", "mse")
model.fit([[1.0], [2.0]], [1.0, 2.0], epochs=2, verbose=0, callbacks=[Callback({arguments})])
print("done")
"""


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        ("tqdm.keras", "TqdmCallback", ""),
        ("livelossplot", "PlotLossesKeras", "outputs=[]"),
        ("optuna_integration", "KerasPruningCallback",
         "__import__('optuna').create_study().ask(), 'loss'"),
    ],
)  # fmt: skip
def test_minigrad_stands_in_for_a_keras_that_is_not_there(library, module, name, arguments):
    library(module)
    code = ALIAS.format(module=module, name=name, arguments=arguments)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert run.returncode == 0 and run.stdout.strip().endswith("done"), run.stderr


# --- the history ---------------------------------------------------------------------------------


def test_the_history_is_a_table_of_pandas(library, tmp_path):
    pandas = library("pandas")
    _, history = fit()
    table = pandas.DataFrame(history.history, index=history.epoch)
    assert table.shape == (3, 4) and list(table.index) == [0, 1, 2]
    assert table["val_loss"].idxmin() == int(np.argmin(history.history["val_loss"]))
    table.to_csv(tmp_path / "history.csv")
    again = pandas.read_csv(tmp_path / "history.csv", index_col=0)
    pandas.testing.assert_frame_equal(again, table)
