"""`TerminateOnNaN` ends training at the first batch whose loss is not finite, at no cost."""

import numpy as np
import pytest

from minigrad import debug, layers, losses, models
from minigrad.callbacks import EarlyStopping, LambdaCallback, TerminateOnNaN

X, Y = np.random.default_rng(0).random((40, 3)), np.ones((40, 2))
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def model():
    made = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    made.compile("sgd", "mse")
    return made


def spoilt(value, *samples):
    y = Y.copy()
    y[list(samples)] = value
    return y


def fit(trained, y, **options):
    options = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0} | options
    with pytest.warns(UserWarning, match="expected a finite loss"):
        return trained.fit(X, y, **options)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch", [0, 2, 4])
def test_training_ends_at_the_batch_and_says_so(capsys, value, batch):
    steps, trained = [], model()
    count = LambdaCallback(on_train_batch_end=lambda step, logs: steps.append(step))
    history = fit(trained, spoilt(value, 8 * batch), callbacks=[TerminateOnNaN(), count])
    assert steps == list(range(batch + 1))
    assert history.epoch == [0]
    assert trained.stop_training
    assert capsys.readouterr().out == f"Batch {batch}: Invalid loss, terminating training\n"
    assert not np.isfinite(history.history["loss"][0])


def test_it_is_an_error_on_demand():
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 1"):
        fit(model(), spoilt(np.nan, 9), callbacks=[TerminateOnNaN(raise_error=True)])


def test_finite_losses_and_a_validation_loss_that_is_not_end_nothing():
    trained = model()
    history = trained.fit(
        X, Y, epochs=3, verbose=0, callbacks=[TerminateOnNaN()],
        validation_data=(X * np.inf, Y),
    )  # fmt: skip
    assert history.epoch == [0, 1, 2]  # as in Keras: EarlyStopping watches val_loss
    assert not np.isfinite(history.history["val_loss"]).any()
    stop = EarlyStopping("val_loss", patience=1)
    more = trained.fit(X, Y, epochs=5, verbose=0, callbacks=[stop], validation_data=(X * np.inf, Y))
    assert len(more.epoch) <= 2


def test_an_own_step_is_ended_too(capsys):
    class Own(models.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            return super().train_step(data) | {"loss": np.float32("nan")}

    trained = Own()
    trained.compile("sgd", losses.MeanSquaredError())
    assert fit(trained, Y, callbacks=[TerminateOnNaN()]).epoch == [0]
    assert "Batch 0" in capsys.readouterr().out


def test_the_warning_of_fit_points_to_the_op():
    with pytest.warns(UserWarning, match=r"y holds NaN .*; minigrad.debug.find_nan\(\) shows the"):
        model().fit(X, spoilt(np.nan, 3), verbose=0)
    with (
        pytest.raises(debug.NotFiniteError, match="finite numbers in y, got nan"),
        debug.find_nan(),
    ):
        model().fit(X, spoilt(np.nan, 3), verbose=0)
