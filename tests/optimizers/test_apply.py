"""What `apply` does around the rule: its order, scaling, clipping, decay, averages, constraints."""

import copy

import numpy as np
import pytest

from minigrad import Parameter, Tensor, optimizers
from minigrad.optimizers import SGD, Adam, schedules

G = np.array([3.0, -4.0, 0.5])


def step_by(optimizer, *gradients):
    """Return w after steps from 1 by these gradients, in float64."""
    w = Parameter(np.ones(3), dtype="float64")
    for g in gradients:
        optimizer.apply([g], [w])
    return w.data


# --- the script's form ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Parameter, lambda x: Tensor(x, requires_grad=True)])
def test_script_minimises_a_quadratic(make):
    w, b = make(np.array([[2.0, -1.0], [0.5, 3.0]])), make(np.array([1.0, -2.0]))
    optimizer = Adam(learning_rate=0.05, parameters=[w, b])
    for _ in range(500):
        loss = ((w - 0.25) ** 2).sum() + ((b + 0.5) ** 2).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert w.grad is None and b.grad is None
    np.testing.assert_allclose(w.data, 0.25, atol=1e-3)
    np.testing.assert_allclose(b.data, -0.5, atol=1e-3)
    assert optimizer.iterations == 500


def test_step_moves_the_users_own_array_in_place():
    values = np.ones(3)
    w = Tensor(values, requires_grad=True)
    w.grad = G
    SGD(learning_rate=0.1, parameters=[w]).step()
    np.testing.assert_allclose(values, 1 - 0.1 * G, rtol=1e-15)


def test_step_makes_an_older_graph_unusable():
    w = Parameter(np.ones(3))
    loss = (w * w).sum()
    w.grad = np.ones(3, np.float32)
    SGD(parameters=[w]).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_apply_and_apply_gradients_and_step_agree():
    a, b, c = (Parameter(np.ones(3)) for _ in range(3))
    Adam().apply([G], [a])
    assert Adam().apply_gradients([(Tensor(G), b)]) == 1
    c.grad = G.astype(np.float32)
    Adam(parameters=[c]).step()
    np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_array_equal(a.data, c.data)


def test_apply_without_variables_uses_those_of_build():
    w = Parameter(np.ones(3))
    optimizer = SGD(learning_rate=1.0)
    optimizer.build([w])
    optimizer.apply([G])
    np.testing.assert_allclose(w.data, 1 - G)


def test_a_missing_gradient_leaves_its_variable_alone_with_a_warning():
    w, b = Parameter(np.ones(3), name="w"), Parameter(np.ones(3), name="b")
    optimizer = SGD(learning_rate=1.0, weight_decay=0.5)
    with pytest.warns(UserWarning, match=r"Gradients do not exist for \['b'\]"):
        optimizer.apply([G, None], [w, b])
    np.testing.assert_array_equal(b.data, np.ones(3))
    np.testing.assert_allclose(w.data, 0.5 - G)


def test_a_deep_copy_goes_on_alone():
    w = Parameter(np.ones(3))
    optimizer = Adam(parameters=[w])
    optimizer.apply([G])
    twin = copy.deepcopy(optimizer)
    twin.apply([G])
    optimizer.apply([G])
    np.testing.assert_array_equal(twin.parameters[0].data, w.data)
    assert twin.parameters[0] is not w


# --- errors ---------------------------------------------------------------------------------------


def test_steps_that_cannot_be_made_change_nothing():
    w, other = Parameter(np.ones(3), name="w"), Parameter(np.ones(3), name="other")
    optimizer = Adam(parameters=[w])
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.step()
    with pytest.raises(ValueError, match=r"shape \(3,\) for w, got \(1, 3\)"):
        optimizer.apply([G[None]], [w])
    with pytest.raises(ValueError, match=r"got one more, other"):
        optimizer.apply([G, G], [w, other])
    with pytest.raises(ValueError, match="expected 1 gradients, got 2"):
        optimizer.apply([G, G])
    np.testing.assert_array_equal(w.data, np.ones(3))
    assert optimizer.iterations == 0


@pytest.mark.parametrize("call", ["step", "zero_grad"])
def test_without_parameters_the_error_tells_what_to_write(call):
    with pytest.raises(ValueError, match=r"write Adam\(learning_rate=..., parameters=\[...\]\)"):
        getattr(Adam(), call)()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: [np.ones(3)], TypeError, "expected tensors to train"),
        (lambda: [Tensor(np.ones(3))], ValueError, "requires_grad=True"),
        (lambda: Parameter(np.ones(3)), TypeError, r"a list of tensors, got one; write \[tensor"),
        (lambda: [Parameter(np.ones(3))] * 2, ValueError, "each tensor once"),
        (lambda: [Tensor(np.ones((3, 2)).T, requires_grad=True)], ValueError, "C-contiguous"),
        (
            lambda: [Tensor(np.broadcast_to(1.0, (3,)), requires_grad=True)],
            ValueError,
            "writable.*Parameter makes a copy",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        Adam(parameters=make())


# --- clipping -------------------------------------------------------------------------------------


def test_clipvalue_clips_each_element():
    np.testing.assert_allclose(step_by(SGD(1.0, clipvalue=2.0), G), [1 - 2, 1 + 2, 1 - 0.5])


def test_clipnorm_scales_each_gradient_alone():
    w, b = Parameter(np.zeros(3), dtype="float64"), Parameter(np.zeros(2), dtype="float64")
    small = np.array([0.3, 0.4])
    SGD(1.0, clipnorm=2.0).apply([G, small], [w, b])
    np.testing.assert_allclose(w.data, -G * 2 / np.linalg.norm(G), rtol=1e-14)
    np.testing.assert_allclose(b.data, -small, rtol=1e-14)


def test_global_clipnorm_scales_all_gradients_by_one_factor():
    w, b = Parameter(np.zeros(3), dtype="float64"), Parameter(np.zeros(2), dtype="float64")
    other = np.array([6.0, 8.0])
    norm = np.sqrt(G @ G + 100)
    SGD(1.0, global_clipnorm=2.0).apply([G, other], [w, b])
    np.testing.assert_allclose(w.data, -G * 2 / norm, rtol=1e-14)
    np.testing.assert_allclose(b.data, -other * 2 / norm, rtol=1e-14)


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_clipping_leaves_small_and_zero_gradients_alone(clip):
    for g in (G, np.zeros(3)):
        np.testing.assert_array_equal(step_by(SGD(1.0, **{clip: 100.0}), g), 1 - g)


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm", "clipvalue"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_clipping_names_the_variable_whose_gradient_is_not_finite(clip, value):
    w, b = Parameter(np.ones(3), path="dense/kernel"), Parameter(np.ones(2), path="dense/bias")
    optimizer = SGD(0.1, **{clip: 1.0})
    with pytest.warns(UserWarning, match="sgd: the gradient of dense/bias holds infinity or NaN"):
        optimizer.apply([np.ones(3), [1.0, value]], [w, b])


# --- scaling, accumulation, decay -----------------------------------------------------------------


def test_loss_scale_factor_is_divided_out():
    optimizer = SGD(1.0, loss_scale_factor=64.0)
    assert optimizer.scale_loss(3.0) == 192.0
    assert SGD().scale_loss(3.0) == 3.0
    np.testing.assert_allclose(step_by(optimizer, 64 * G), 1 - G)


def test_accumulation_steps_by_the_mean_of_every_k_gradients():
    optimizer = SGD(1.0, gradient_accumulation_steps=3, clipvalue=2.0)
    w = Parameter(np.zeros(3), dtype="float64")
    for call in range(1, 7):
        optimizer.apply([call * np.ones(3)], [w])
        assert optimizer.iterations == call // 3
        # (1+2+3)/3 = 2, then (4+5+6)/3 = 5, clipped to 2 after the mean was taken
        np.testing.assert_allclose(w.data, [0, -2, -4][call // 3])


def test_weight_decay_is_decoupled_from_the_gradient():
    # The gradient is clipped to 0.1, the decay is not.
    found = step_by(SGD(0.5, weight_decay=0.2, clipvalue=0.1), np.ones(3))
    np.testing.assert_allclose(found, 1 - 0.5 * 0.2 - 0.5 * 0.1)


def test_excluded_variables_do_not_decay():
    kernel, bias, free = (Parameter(np.ones(2), path=p) for p in ("d/kernel", "d/bias", "free"))
    optimizer = SGD(0.5, weight_decay=0.2, parameters=[kernel, bias, free])
    optimizer.exclude_from_weight_decay(var_list=[free], var_names=["bias$"])
    optimizer.apply([np.zeros(2)] * 3)
    np.testing.assert_allclose([kernel.data[0], bias.data[0], free.data[0]], [0.9, 1, 1])


# --- averages and constraints ---------------------------------------------------------------------


def test_averages_begin_at_the_first_weights_and_are_copied_by_finalize():
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.9)
    w = Parameter(np.zeros(1), dtype="float64")
    average = None
    for t, g in enumerate([-1.0, 2.0, 5.0]):
        optimizer.apply([np.array([g])], [w])
        average = w.data.copy() if t == 0 else 0.9 * average + 0.1 * w.data
    assert not np.allclose(w.data, average)
    optimizer.finalize_variable_values([w])
    np.testing.assert_allclose(w.data, average, rtol=1e-14)


def test_averages_overwrite_the_weights_at_every_so_many_steps():
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    w = Parameter(np.zeros(1), dtype="float64")
    # The weights before an overwrite: -1, -2, -2.5, -3.5; the averages: -1, -1.5, -2, -2.75.
    for value in [-1.0, -1.5, -2.5, -2.75]:
        optimizer.apply([np.ones(1)], [w])
        np.testing.assert_allclose(w.data, value)


def test_finalize_without_a_step_keeps_the_weights():
    w = Parameter(np.ones(3))
    for optimizer in (SGD(use_ema=True, parameters=[w]), SGD(use_ema=True), SGD(parameters=[w])):
        optimizer.finalize_variable_values([w])
    np.testing.assert_array_equal(w.data, np.ones(3))


@pytest.mark.parametrize("shape", [(), (1, 1), (2, 3)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"clipvalue": 0.5},
        {"clipnorm": 0.5},
        {"global_clipnorm": 0.5},
        {"loss_scale_factor": 4.0},
        {"gradient_accumulation_steps": 2},
        {"weight_decay": 0.1},
        {"use_ema": True, "ema_overwrite_frequency": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("rule", [SGD, Adam])
def test_a_variable_of_any_shape_steps_as_a_row_does(rule, options, shape):
    generator = np.random.default_rng(0)
    start, *gradients = generator.normal(size=(5, *shape))
    w, row = Parameter(start), Parameter(start.reshape(-1))
    optimizer, twin = rule(0.1, **options), rule(0.1, **options)
    for g in gradients:
        optimizer.apply([g], [w])
        twin.apply([g.reshape(-1)], [row])
    np.testing.assert_array_equal(w.data.reshape(-1), row.data)
    shapes = {name: array.shape for name, array in optimizer.get_state().items() if "/" in name}
    assert set(shapes.values()) <= {shape}


def test_constraint_is_applied_after_the_step():
    w = Parameter(np.ones(3), constraint=lambda w: np.maximum(w, 0))
    SGD(1.0).apply([G], [w])
    np.testing.assert_allclose(w.data, [0, 5, 0.5])


# --- learning rates -------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [2, 2.0, np.float32(2), np.int64(2), lambda: 2.0])
def test_learning_rate_takes_any_number_or_function(rate):
    optimizer = SGD(learning_rate=rate)
    assert optimizer.learning_rate == 2.0
    assert optimizer.learning_rate.numpy() == float(optimizer.learning_rate) == 2.0
    np.testing.assert_allclose(step_by(optimizer, G), 1 - 2 * G)


def test_learning_rate_can_be_set_and_acts_at_once():
    optimizer = SGD(learning_rate=1.0)
    w = Parameter(np.zeros(1))
    for rate in (0.5, 0.25):
        optimizer.learning_rate = rate
        optimizer.apply([np.ones(1)], [w])
    assert w.data[0] == -0.75


def test_schedule_is_asked_for_the_calls_made_before():
    asked = []

    class Spy(schedules.LearningRateSchedule):
        def __call__(self, step):
            asked.append(step)
            return 1.0

    step_by(SGD(Spy(), gradient_accumulation_steps=2), G, G, G, G)
    assert asked == [1, 3]  # at the calls that step
    step_by(SGD(Spy()), G, G)
    assert asked[2:] == [0, 1]


def test_a_scheduled_learning_rate_cannot_be_set():
    optimizer = SGD(schedules.ExponentialDecay(0.1, 2, 0.5))
    with pytest.raises(TypeError, match="schedule"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.ExponentialDecay(0.4, 2, 0.5)  # as in Keras
    assert optimizer.learning_rate == pytest.approx(0.4)


def test_optimizers_share_no_state():
    first, second = (Adam(parameters=[Parameter(np.ones(3))]) for _ in range(2))
    first.apply([G])
    assert second.iterations == 0
    assert not second.get_state()["parameter_0/m"].any()
    assert optimizers.get("adam") is not optimizers.get("adam")


# --- observers ------------------------------------------------------------------------------------


def test_observers_see_a_step_before_and_after_it():
    seen = []

    class Observer:
        def on_step_begin(self, gradients, states):
            seen.append((gradients[w].copy(), w.data.copy(), states[w]["v"].copy()))

        on_step_end = on_step_begin

    w = Parameter(np.ones(3), dtype="float64")
    momentum = SGD(
        learning_rate=0.1, momentum=0.5, clipvalue=2.0, weight_decay=0.3,
        gradient_accumulation_steps=2, loss_scale_factor=4.0,
    )  # fmt: skip
    momentum.observers.append(Observer())
    momentum.apply([4 * G], [w])
    assert seen == []  # that was no step yet
    momentum.apply([8 * G], [w])
    clipped = np.array([2.0, -2.0, 0.75])  # of 1.5 G
    (g, before, v), (same_g, after, v_after) = seen
    np.testing.assert_array_equal([g, same_g], [clipped, clipped])
    np.testing.assert_array_equal([before, v], [np.ones(3), np.zeros(3)])
    np.testing.assert_allclose(v_after, -0.1 * clipped, rtol=1e-15)
    np.testing.assert_allclose(after, 0.97 - 0.1 * clipped, rtol=1e-15)
