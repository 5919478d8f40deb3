"""Tests of the callbacks, most of them with a fake model."""

import csv
import re
from types import SimpleNamespace

import numpy as np
import pytest

from minigrad.callbacks import (
    HOOKS,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TerminateOnNaN,
)


class Model:
    """The attributes of a model that callbacks use; its one weight is the number of the epoch."""

    def __init__(self):
        self.stop_training = False
        self.optimizer = SimpleNamespace(learning_rate=0.5)
        self.metrics = [
            SimpleNamespace(name="accuracy", direction="up"),
            SimpleNamespace(name="mse", direction="down"),
            SimpleNamespace(name="mine", direction=None),
        ]
        self.weight = None
        self.saved = []

    def get_weights(self):
        return [self.weight]

    def set_weights(self, weights):
        (self.weight,) = weights

    def save_weights(self, path):
        self.saved.append(path)


def fit(callback, *epochs, initial_epoch=0, model=None):
    """Call a callback with the epochs' logs as fit does; return the model and the logs."""
    model = model or Model()
    callbacks = CallbackList([callback], model, {"verbose": 0, "epochs": 9, "steps": 1})
    all_logs = [{"loss": logs} if isinstance(logs, float) else dict(logs) for logs in epochs]
    callbacks.call("on_train_begin", {})
    for epoch, logs in enumerate(all_logs, initial_epoch):
        callbacks.call("on_epoch_begin", epoch, {})
        model.weight = epoch
        callbacks.call("on_epoch_end", epoch, logs)
        if model.stop_training:
            break
    callbacks.call("on_train_end", logs)
    return model, all_logs


# --- the list and the base -----------------------------------------------------------------------


def test_base_has_kerass_hooks():
    assert set(HOOKS) == {
        *(
            f"on_{mode}_{when}"
            for mode in ("train", "test", "predict")
            for when in ("begin", "end")
        ),
        *(f"on_{m}_batch_{w}" for m in ("train", "test", "predict") for w in ("begin", "end")),
        *("on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"),
    }
    for hook in HOOKS:
        batch = () if re.fullmatch("on_(train|test|predict)_(begin|end)", hook) else (0,)
        getattr(Callback(), hook)(*batch)


def test_only_hooks_that_a_callback_defines_are_called_in_the_order_given():
    calls = []

    class First(Callback):
        def on_epoch_end(self, epoch, logs=None):
            calls.append(("first", epoch, logs))

    second = LambdaCallback(on_epoch_end=lambda epoch, logs: calls.append(("second", epoch, logs)))
    callbacks = CallbackList([First(), second, Callback()], "model", {"steps": 3})
    for hook in HOOKS:
        assert callbacks.need(hook) is (hook == "on_epoch_end")
    logs = {"loss": 1.0}
    callbacks.call("on_epoch_end", 4, logs)
    callbacks.call("on_train_end", logs)
    assert calls == [("first", 4, logs), ("second", 4, logs)]
    assert all(call[2] is logs for call in calls)
    assert second.model == "model"
    assert second.params == {"steps": 3}


def test_older_batch_hooks_are_called_for_training_batches():
    calls = []

    class Older(Callback):
        def on_batch_begin(self, batch, logs=None):
            calls.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            calls.append(("end", batch))

    callbacks = CallbackList([Older()], None, {})
    callbacks.call("on_train_batch_begin", 1, {})
    callbacks.call("on_train_batch_end", 1, {})
    callbacks.call("on_test_batch_end", 1, {})
    assert calls == [("begin", 1), ("end", 1)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (EarlyStopping, r"got <class '.*EarlyStopping'>; write EarlyStopping\(\)"),
        ("stop", "got 'stop'"),
        (lambda epoch, logs: None, "got <function"),
        (7, "got 7"),
    ],
)
def test_list_takes_instances_of_callback_alone(wrong, message):
    with pytest.raises(TypeError, match=f"callbacks: expected an instance of Callback.*{message}"):
        CallbackList([History(), wrong], None, {})


def test_lambda_callback_takes_hooks_by_place_and_methods_by_name():
    calls = []
    callback = LambdaCallback(
        lambda epoch, logs: calls.append(("begin", epoch)),
        lambda epoch, logs: calls.append(("end", epoch)),
        custom_method=lambda value: 2 * value,
    )
    fit(callback, 1.0)
    assert calls == [("begin", 0), ("end", 0)]
    assert callback.custom_method(4) == 8
    with pytest.raises(TypeError, match="LambdaCallback: expected on_epoch_end as a function, got"):
        LambdaCallback(on_epoch_end="print")


def test_lambda_callback_knows_the_hooks():
    with pytest.raises(TypeError, match=r"expected a hook \(on_train_begin, .*got on_epoch_ends"):
        LambdaCallback(on_epoch_ends=print)
    assert LambdaCallback(on_epoch_end=None).on_epoch_end(0) is None


def test_history_records_each_epoch():
    history = History()
    fit(history, {"loss": 2.0}, {"loss": 1.0, "lr": 0.5}, initial_epoch=3)
    assert history.epoch == [3, 4]
    assert history.history == {"loss": [2.0, 1.0], "lr": [0.5]}
    assert history.params == {"verbose": 0, "epochs": 9, "steps": 1}


def test_history_keeps_values_of_any_type_as_they_were():
    rate = np.array(0.5)
    history = History()
    callbacks = CallbackList([history], Model(), {})
    for epoch in range(2):
        logs = {"note": "hi", "none": None, "array": np.ones(2), "rate": rate}
        callbacks.call("on_epoch_end", epoch, logs)
        rate /= 2
    assert history.history["note"] == ["hi", "hi"]
    assert history.history["none"] == [None, None]
    assert history.history["rate"] == [0.5, 0.25]


# --- early stopping ------------------------------------------------------------------------------


def test_early_stopping_stops_and_restores_the_best(capsys):
    callback = EarlyStopping("loss", patience=2, verbose=1, restore_best_weights=True)
    model, _ = fit(callback, 3.0, 1.0, 2.0, 1.0, 0.0)
    assert callback.stopped_epoch == 3
    assert model.weight == 1
    assert capsys.readouterr().out == (
        "Epoch 4: early stopping\nRestoring model weights from the end of the best epoch: 2.\n"
    )
    model, _ = fit(callback, 3.0, 2.0, 1.0)  # a second use starts again
    assert not model.stop_training
    assert capsys.readouterr().out.startswith("Restoring")


def test_early_stopping_with_no_patience_never_stops_in_the_first_epoch():
    callback = EarlyStopping("loss", baseline=0.5)
    model, _ = fit(callback, 3.0)
    assert not model.stop_training
    fit(callback, 3.0, 3.0)
    assert callback.stopped_epoch == 1
    assert callback.best_weights is None


@pytest.mark.parametrize(
    ("monitor", "mode", "values", "stopped"),
    [
        ("val_accuracy", "auto", [0.1, 0.2, 0.15], 2),
        ("accuracy", "auto", [0.1, 0.2, 0.3], 0),
        ("val_loss", "auto", [0.3, 0.2, 0.25], 2),
        ("mse", "auto", [0.3, 0.2, 0.1], 0),
        ("mine", "max", [0.3, 0.4, 0.1], 2),
        ("mine", "min", [0.3, 0.1, 0.4], 2),
    ],
)
def test_direction_is_the_metrics_own(monitor, mode, values, stopped):
    callback = EarlyStopping(monitor, mode=mode)
    fit(callback, *({monitor: value} for value in values))
    assert callback.stopped_epoch == stopped


def test_unknown_direction_asks_for_the_mode(tmp_path):
    with pytest.raises(ValueError, match=r"EarlyStopping: expected mode='max' or mode='min'.*mine"):
        fit(EarlyStopping("val_mine"), {"val_mine": 1.0})
    for callback in (EarlyStopping("val_acc"), ReduceLROnPlateau("val_acc")):  # it is "accuracy"
        with pytest.raises(ValueError, match=r"'auto' for val_acc of unknown.*known are accuracy"):
            fit(callback, {"loss": 1.0})
        assert callback.mode == "auto"
    path = tmp_path / "x.weights.npz"
    with pytest.raises(ValueError, match="'auto' for mine of unknown direction"):
        fit(
            ModelCheckpoint(path, "mine", save_best_only=True, save_weights_only=True),
            {"loss": 1.0},
        )
    with pytest.warns(UserWarning, match="EarlyStopping mode 'up' is unknown; .*took 'auto'"):
        assert EarlyStopping(mode="up").mode == "auto"


@pytest.mark.parametrize("delta", [0.1, -0.1])
@pytest.mark.parametrize(("monitor", "sign"), [("loss", 1), ("accuracy", -1)])
def test_less_than_min_delta_is_no_improvement(monitor, sign, delta):
    callback = EarlyStopping(monitor, min_delta=delta, patience=1)
    fit(callback, *({monitor: sign * value} for value in (1.0, 0.89, 0.795)))
    assert callback.stopped_epoch == 2
    assert callback.best == sign * 0.89


def test_early_stopping_waits_on_unless_the_baseline_is_beaten():
    callback = EarlyStopping("loss", patience=2, baseline=0.5)
    fit(callback, 1.0, 0.9, 0.8, 0.85, 0.0)
    assert callback.stopped_epoch == 3  # an improvement does not stop, but does not reset the wait
    callback = EarlyStopping("loss", patience=2, baseline=0.5)
    fit(callback, 1.0, 0.4, 0.45, 0.0)
    assert callback.stopped_epoch == 0


def test_early_stopping_ignores_the_first_epochs():
    callback = EarlyStopping("loss", start_from_epoch=2)
    fit(callback, 0.0, 0.1, 3.0, 2.0, 2.5)
    assert callback.stopped_epoch == 4


def test_missing_monitor_warns_with_what_there_is():
    with pytest.warns(
        UserWarning,
        match="Early stopping conditioned on metric `val_loss` which is not available. "
        "Available metrics are: accuracy,loss",
    ):
        fit(EarlyStopping(), {"accuracy": 0.5, "loss": 1.0})
    with pytest.warns(
        UserWarning,
        match="Learning rate reduction is conditioned on metric `val_loss` which is not available",
    ):
        fit(ReduceLROnPlateau(), 1.0)


NAN = float("nan")


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("start", [[NAN], [NAN, NAN], []])
def test_nan_is_never_the_best(mode, start, tmp_path):
    sign = {"min": 1, "max": -1}[mode]
    values = [*start, *(sign * value for value in (1, 0.9, 0.8, NAN, 0.7))]
    epochs = [{"val_loss": value} for value in values]
    options = {"mode": mode, "verbose": 1}
    early = EarlyStopping(patience=3, restore_best_weights=True, **options)
    model, _ = fit(early, *epochs)
    assert not model.stop_training
    assert (early.best, model.weight) == (sign * 0.7, len(values) - 1)
    path = tmp_path / "{val_loss}.weights.npz"
    checkpoint = ModelCheckpoint(path, save_best_only=True, save_weights_only=True, **options)
    model, _ = fit(checkpoint, *epochs)
    assert len(model.saved) == 4 and not any("/nan" in path for path in model.saved)
    plateau = ReduceLROnPlateau(patience=3, **options)
    model, _ = fit(plateau, *epochs)
    assert (plateau.best, model.optimizer.learning_rate) == (sign * 0.7, 0.5)


def test_nan_alone_stops_and_restores_nothing():
    callback = EarlyStopping(patience=1, restore_best_weights=True)
    model, _ = fit(callback, *[{"val_loss": NAN}] * 4)
    assert (callback.stopped_epoch, callback.best, model.weight) == (1, None, 1)
    model, _ = fit(EarlyStopping(), {"val_loss": NAN})
    assert not model.stop_training  # not in the first epoch, whatever the patience


def test_monitored_value_may_be_an_array_of_one_and_the_model_without_metrics():
    callback = EarlyStopping("f1", mode="max")
    model = Model()
    del model.metrics
    fit(callback, {"f1": np.array([0.5])}, {"f1": np.array(0.25)}, model=model)
    assert (callback.best, callback.stopped_epoch) == (0.5, 1)
    callback = EarlyStopping("loss")
    model.stop_training = False
    fit(callback, 1.0, 2.0, model=model)
    assert callback.stopped_epoch == 1


@pytest.mark.parametrize("value", ["hi", "1.5", None, [1.0, 2.0]])
def test_monitored_value_that_is_no_number_is_named(value, tmp_path):
    path = tmp_path / "best.weights.npz"
    checkpoint = ModelCheckpoint(path, save_best_only=True, save_weights_only=True)
    for callback in (EarlyStopping(), ReduceLROnPlateau(), checkpoint):
        name = type(callback).__name__
        with pytest.raises(TypeError, match=rf"{name}: expected a number in logs\['val_loss'\]"):
            fit(callback, {"val_loss": value})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(patience="long"), "EarlyStopping: expected patience as a whole"),
        (lambda: EarlyStopping(patience=1.5), "EarlyStopping: expected patience as a whole"),
        (lambda: EarlyStopping(patience=-1), "EarlyStopping: expected patience as a whole"),
        (lambda: EarlyStopping(min_delta="tiny"), "EarlyStopping: expected min_delta as float"),
        (lambda: EarlyStopping(baseline="low"), "EarlyStopping: expected baseline as float"),
        (lambda: EarlyStopping(start_from_epoch=None), "expected start_from_epoch as a whole"),
        (lambda: ReduceLROnPlateau(factor="half"), "ReduceLROnPlateau: expected factor as float"),
        (lambda: ReduceLROnPlateau(factor=-1), "ReduceLROnPlateau: expected factor in"),
        (lambda: ReduceLROnPlateau(patience=None), "ReduceLROnPlateau: expected patience"),
        (lambda: ReduceLROnPlateau(cooldown="no"), "ReduceLROnPlateau: expected cooldown"),
        (lambda: ReduceLROnPlateau(min_lr="0"), "ReduceLROnPlateau: expected min_lr as float"),
        (
            lambda: ModelCheckpoint(
                "a.weights.npz", save_weights_only=True, initial_value_threshold="x"
            ),
            "ModelCheckpoint: expected initial_value_threshold as float, got 'x'",
        ),
        (
            lambda: ModelCheckpoint("a.weights.npz", save_weights_only=True, save_freq="batch"),
            "ModelCheckpoint: expected save_freq 'epoch' or as a whole number .* got 'batch'",
        ),
        (lambda: LearningRateScheduler(0.1), "LearningRateScheduler: expected schedule as a func"),
    ],
)
def test_arguments_of_the_wrong_kind_are_refused_by_name(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_numbers_of_epochs_may_be_of_any_integer_type():
    callback = EarlyStopping("loss", patience=np.int64(1), baseline=np.float32(5))
    fit(callback, 3.0, 4.0, 5.0)
    assert callback.stopped_epoch == 1
    assert ReduceLROnPlateau(patience=2.0).patience == 2


# --- checkpoints ---------------------------------------------------------------------------------


def test_checkpoint_saves_every_epoch_under_its_name(tmp_path, capsys):
    path = tmp_path / "new" / "{epoch:02d}-{loss:.1f}.weights.npz"
    model, _ = fit(ModelCheckpoint(path, save_weights_only=True), 2.0, 1.0)
    assert model.saved == [
        str(path.parent / f"{name}.weights.npz") for name in ("01-2.0", "02-1.0")
    ]
    assert path.parent.is_dir()
    assert capsys.readouterr().out == ""
    fit(ModelCheckpoint(path, save_weights_only=True, verbose=1), 2.0)
    saved = path.parent / "01-2.0.weights.npz"
    assert capsys.readouterr().out == f"\nEpoch 1: saving model to {saved}\n"


def test_checkpoint_saves_only_the_best(tmp_path, capsys):
    path = str(tmp_path / "best.weights.h5")
    callback = ModelCheckpoint(
        path, monitor="loss", verbose=1, save_best_only=True, save_weights_only=True
    )
    model, _ = fit(callback, 2.0, 3.0, 0.11111)
    assert model.saved == [path] * 2
    assert capsys.readouterr().out == (
        f"\nEpoch 1: loss improved from None to 2.00000, saving model to {path}\n"
        "\nEpoch 2: loss did not improve from 2.00000\n"
        f"\nEpoch 3: loss improved from 2.00000 to 0.11111, saving model to {path}\n"
    )
    callback = ModelCheckpoint(
        path, "loss", save_best_only=True, save_weights_only=True, initial_value_threshold=1.0
    )
    assert fit(callback, 2.0, 0.5)[0].saved == [path]


def test_checkpoint_without_its_monitor_warns_and_saves(tmp_path):
    path = str(tmp_path / "best.weights.h5")
    callback = ModelCheckpoint(path, save_best_only=True, save_weights_only=True)
    with pytest.warns(UserWarning, match="Can save best model only with val_loss available."):
        assert fit(callback, 2.0)[0].saved == [path]


def test_checkpoint_saves_every_so_many_batches_across_epochs(tmp_path):
    path = str(tmp_path / "{epoch}-{batch}.weights.npz")
    callback = ModelCheckpoint(path, save_weights_only=True, save_freq=2)
    model = Model()
    callbacks = CallbackList([callback], model, {})
    for epoch in range(2):
        callbacks.call("on_epoch_begin", epoch, {})
        for batch in range(3):
            callbacks.call("on_train_batch_end", batch, {"loss": 1.0})
        callbacks.call("on_epoch_end", epoch, {"loss": 1.0})
    names = [name.removeprefix(str(tmp_path))[1:] for name in model.saved]
    assert names == ["1-2.weights.npz", "2-1.weights.npz", "2-3.weights.npz"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "a.weights.npz"}, "a filepath that ends in .keras or .h5 with save_weights"),
        (
            {"filepath": "a.keras", "save_weights_only": True},
            "in .weights.npz or .weights.h5 or .safe",
        ),
        (
            {"filepath": "a.weights.h5", "save_weights_only": True, "save_freq": 0},
            "save_freq 'epoch' or as a whole number of at least 1, got 0",
        ),
    ],
)
def test_checkpoint_refuses_what_it_cannot_save(arguments, message):
    with pytest.raises(ValueError, match=f"ModelCheckpoint: .*{message}"):
        ModelCheckpoint(**arguments)


@pytest.mark.parametrize("ending", [".weights.npz", ".weights.h5", ".safetensors"])
def test_checkpoint_of_weights_takes_each_ending_of_save_weights(tmp_path, ending):
    path = str(tmp_path / f"weights{ending}")
    model, _ = fit(ModelCheckpoint(path, save_weights_only=True), 2.0)
    assert model.saved == [path]


def test_checkpoint_names_what_a_path_may_contain(tmp_path):
    callback = ModelCheckpoint(tmp_path / "{val_los}.weights.h5", save_weights_only=True)
    with pytest.raises(ValueError, match=r"names among epoch, loss in filepath, got '.*val_los"):
        fit(callback, 2.0)


# --- learning rates ------------------------------------------------------------------------------


def test_plateau_lowers_the_rate_after_patience_and_cooldown(capsys):
    callback = ReduceLROnPlateau("loss", factor=0.5, patience=2, cooldown=2, min_lr=0.2, verbose=1)
    model, logs = fit(callback, *[1.0] * 9)
    rates = [log["learning_rate"] for log in logs]
    # Lowered after epochs 1 and 2; 3 cools down, 4 and 5 count again; 0.2 is the lowest.
    assert rates == [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2]
    assert model.optimizer.learning_rate == 0.2
    assert callback.cooldown_counter == 0
    assert capsys.readouterr().out == (
        "\nEpoch 3: ReduceLROnPlateau reducing learning rate to 0.25.\n"
        "\nEpoch 6: ReduceLROnPlateau reducing learning rate to 0.2.\n"
    )


def test_plateau_waits_anew_after_each_reduction():
    callback = ReduceLROnPlateau("loss", factor=0.5, patience=2)
    _, logs = fit(callback, *[1.0] * 6)
    assert [log["learning_rate"] for log in logs] == [0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_plateau_begins_anew_with_every_improvement_above_min_delta():
    callback = ReduceLROnPlateau("loss", factor=0.1, patience=2)
    assert fit(callback, 1.0, 1.0, 0.9, 0.9, 0.8)[0].optimizer.learning_rate == 0.5
    assert fit(callback, 1.0, 0.99995, 0.99991)[0].optimizer.learning_rate == 0.05


def test_plateau_refuses_to_raise_the_rate():
    with pytest.raises(ValueError, match="ReduceLROnPlateau: expected factor in"):
        ReduceLROnPlateau(factor=1.0)


def test_scheduler_sets_the_rate_before_and_logs_it_after_the_epoch(capsys):
    callback = LearningRateScheduler(lambda epoch, rate: rate / (epoch + 1), verbose=1)
    _, logs = fit(callback, 1.0, 1.0)
    assert [log["learning_rate"] for log in logs] == [0.5, 0.25]
    assert capsys.readouterr().out == (
        "\nEpoch 1: LearningRateScheduler setting learning rate to 0.5.\n"
        "\nEpoch 2: LearningRateScheduler setting learning rate to 0.25.\n"
    )


def test_scheduler_takes_functions_of_the_epoch_alone_and_numpy_floats():
    _, logs = fit(LearningRateScheduler(lambda epoch: np.float32(epoch / 4)), 1.0, 1.0)
    assert logs[1]["learning_rate"] == 0.25


def test_scheduler_does_not_hide_a_type_error_of_the_schedule():
    def schedule(epoch, rate):
        return rate + "1"

    with pytest.raises(TypeError, match="unsupported operand"):
        fit(LearningRateScheduler(schedule), 1.0)


def test_scheduler_wants_a_float():
    with pytest.raises(ValueError, match="should be a float"):
        fit(LearningRateScheduler(lambda epoch: None), 1.0)


# --- files and the end ---------------------------------------------------------------------------


def read(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


@pytest.mark.nothing_is_lost
def test_csv_has_sorted_columns_and_room_for_validation(tmp_path):
    path = tmp_path / "log.csv"
    fit(CSVLogger(path), {"loss": 2.0, "acc": 0.1}, {"loss": 1.0, "acc": 0.2, "val_loss": 3.0})
    assert read(path) == [
        ["epoch", "acc", "loss", "val_acc", "val_loss"],
        ["0", "0.1", "2.0", "NA", "NA"],
        ["1", "0.2", "1.0", "NA", "3.0"],
    ]


@pytest.mark.nothing_is_lost
def test_csv_does_not_invent_columns_beside_validation(tmp_path):
    path = tmp_path / "log.csv"
    fit(CSVLogger(path, separator=";"), {"val_loss": 3.0, "loss": 2.0}, {"loss": 1.0, "new": 1})
    assert path.read_text().split() == ["epoch;loss;val_loss", "0;2.0;3.0", "1;1.0;NA"]


@pytest.mark.nothing_is_lost
def test_csv_is_complete_after_every_epoch_and_closed_at_the_end(tmp_path):
    path = tmp_path / "log.csv"
    callback = CSVLogger(path)
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 1.0})
    assert read(path)[1] == ["0", "1.0", "NA"]
    callback.on_train_end()
    assert callback.file.closed


@pytest.mark.nothing_is_lost
def test_csv_appends_without_a_second_header(tmp_path):
    path = tmp_path / "log.csv"
    fit(CSVLogger(path, append=True), 2.0)
    fit(CSVLogger(path, append=True), 1.0, initial_epoch=1)
    assert [row[:2] for row in read(path)] == [["epoch", "loss"], ["0", "2.0"], ["1", "1.0"]]
    fit(CSVLogger(path), 3.0)
    assert [row[:2] for row in read(path)] == [["epoch", "loss"], ["0", "3.0"]]


@pytest.mark.nothing_is_lost
@pytest.mark.parametrize("header", ["epoch,acc,loss", "step,loss", "epoch;loss", "nonsense"])
def test_csv_does_not_append_to_a_file_of_other_columns(tmp_path, header):
    path = tmp_path / "log.csv"
    path.write_text(f"{header}\n0,1,2\n")
    with pytest.raises(ValueError, match=r"CSVLogger: expected columns for .* in .*log.csv, got "):
        fit(CSVLogger(path, append=True), {"loss": 1.0, "mae": 2.0})
    assert path.read_text() == f"{header}\n0,1,2\n"


@pytest.mark.nothing_is_lost
def test_csv_appends_to_the_columns_of_the_file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("val_loss;loss;epoch;acc\n0.5;1.5;0;0.9\n")
    fit(CSVLogger(path, separator=";", append=True), 2.0, initial_epoch=1)
    assert path.read_text().split() == ["val_loss;loss;epoch;acc", "0.5;1.5;0;0.9", "NA;2.0;1;NA"]


@pytest.mark.nothing_is_lost
def test_csv_appends_to_an_empty_file_and_takes_values_of_any_type(tmp_path):
    path = tmp_path / "log.csv"
    path.touch()
    logs = {"loss": 1.0, "note": "a,b", "none": None}
    fit(CSVLogger(path, append=True), logs)
    assert read(path)[0][:4] == ["epoch", "loss", "none", "note"]
    assert read(path)[1][:4] == ["0", "1.0", "", "a,b"]


@pytest.mark.nan_is_found
@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_loss_that_is_no_number_ends_training(capsys, loss):
    model = Model()
    callbacks = CallbackList([TerminateOnNaN()], model, {})
    callbacks.call("on_train_batch_end", 0, {"loss": 1e30})
    assert not model.stop_training
    callbacks.call("on_train_batch_end", 7, {"loss": loss})
    assert model.stop_training
    assert capsys.readouterr().out == "Batch 7: Invalid loss, terminating training\n"
    callbacks = CallbackList([TerminateOnNaN(raise_error=True)], model, {})
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 7"):
        callbacks.call("on_train_batch_end", 7, {"loss": loss})


def test_progress_of_an_epoch_of_unknown_length_is_known_in_the_next(capsys):
    callback = ProgbarLogger()
    callbacks = CallbackList([callback], None, {"verbose": 2, "epochs": 2, "steps": None})
    callbacks.call("on_train_begin", {})
    for epoch in range(2):
        callbacks.call("on_epoch_begin", epoch, {})
        assert callback.progress.target == (3 if epoch else None)
        for batch in range(3):
            callbacks.call("on_train_batch_end", batch, {"loss": 1.0})
        callbacks.call("on_test_begin", {})  # validation prints nothing
        callbacks.call("on_test_batch_end", 0, {"loss": 1.0})
        callbacks.call("on_test_end", {"loss": 1.0})
        callbacks.call("on_epoch_end", epoch, {"loss": 1.0})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0::2] == ["Epoch 1/2", "Epoch 2/2"]
    assert all(re.fullmatch(r"3/3 - 0s - \d+us/step - loss: 1.0000", line) for line in lines[1::2])


def test_list_of_callbacks_serves_a_loop_of_ones_own():
    calls, model = [], Model()

    class Mine(Callback):
        def on_epoch_end(self, epoch, logs):
            calls.append((epoch, logs, self.params, self.model is model))

        def on_train_begin(self, logs):
            calls.append(logs)

    callbacks = CallbackList([Mine()], add_history=True, model=model, epochs=2, verbose=0)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    callbacks.on_epoch_end(0, logs={"loss": 1.0})
    callbacks.on_epoch_end(1, {"loss": 0.5})
    callbacks.on_train_end(logs={})
    params = {"epochs": 2, "verbose": 0}
    assert calls == [None, (0, {"loss": 1.0}, params, True), (1, {"loss": 0.5}, params, True)]
    assert model.history.history == {"loss": [1.0, 0.5]}
    kinds = [type(c) for c in CallbackList(add_progbar=True, model=model).callbacks]
    assert kinds == [ProgbarLogger]
    with pytest.raises(AttributeError, match=r"expected a hook .*on_epoch_begin.*, got on_step"):
        callbacks.on_step()
