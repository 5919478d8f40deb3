"""Names and hints for misspelled ones, labels, norms, and the shapes of labels and weights."""

import tracemalloc

import numpy as np
import pytest

import minigrad
from minigrad import Input, Model, Sequential, Tensor, layers, losses, metrics, optimizers
from minigrad.testing import check_gradients
from minigrad.utils import clear_session, normalize, to_categorical
from minigrad.utils.arguments import whole_number
from minigrad.utils.arrays import as_labels, match_ranks, match_weights, one_hot
from minigrad.utils.naming import to_snake_case
from minigrad.utils.registry import Registry

# --- automatic names -----------------------------------------------------------------------------


class Halved(losses.Loss):
    pass


@pytest.mark.parametrize(
    ("make", "names"),  # Keras's
    [
        (lambda: layers.Dense(2), ["dense", "dense_1", "dense_2"]),
        (lambda: layers.PReLU(), ["p_re_lu", "p_re_lu_1", "p_re_lu_2"]),
        (lambda: Sequential(), ["sequential", "sequential_1", "sequential_2"]),
        (lambda: Model(x := Input((2,)), x), ["functional", "functional_1", "functional_2"]),
        (lambda: optimizers.Adam(), ["adam", "adam_1", "adam_2"]),
        (lambda: optimizers.get("rmsprop"), ["rm_sprop", "rm_sprop_1", "rm_sprop_2"]),
        (lambda: metrics.AUC(), ["auc", "auc_1", "auc_2"]),
        (lambda: metrics.Mean(), ["mean"] * 3),
        (lambda: losses.Huber(), ["huber_loss"] * 3),
        (lambda: Halved(), ["halved", "halved_1", "halved_2"]),
    ],
)
def test_automatic_names_count_through_the_program_until_the_session_is_cleared(make, names):
    for _ in range(2):
        assert [make().name for _ in range(3)] == names
        clear_session()


def test_a_name_that_was_given_is_neither_counted_nor_changed():
    given = layers.Dense(2, name="dense")
    assert (given.name, layers.Dense(2).name) == ("dense", "dense")
    layer = layers.Dense(2)
    assert layer.has_automatic_name and not given.has_automatic_name
    layer.name = "mine"
    assert not layer.has_automatic_name


def test_in_a_model_automatic_names_give_way_to_names_that_were_given():
    model = Sequential([layers.Dense(2), layers.Dense(3, name="dense"), layers.Dense(4)])
    assert [layer.name for layer in model.layers] == ["dense_1", "dense", "dense_2"]
    assert model.layers[0].has_automatic_name
    cure = "layers with unique names, got 'dense'; give one another name"
    with pytest.raises(ValueError, match=cure):
        model.add(layers.Dense(1, name="dense"))


# --- registry ------------------------------------------------------------------------------------


class HeNormal:
    def __call__(self):
        return "called"


class Adam:
    """Not callable, as optimizers are."""


class AdamW(Adam):
    pass


def relu():
    return "relu"


@pytest.fixture
def family():
    family = Registry("activation", base=Adam)
    for member in (HeNormal, relu, Adam):
        family.add(member)
    return family


@pytest.mark.parametrize("name", ["he_normal", "HeNormal", "henormal", "HE_NORMAL"])
def test_registry_takes_names_in_any_case(family, name):
    assert isinstance(family.get(name), HeNormal)


def test_registry_returns_functions_and_instances_and_none_as_they_are(family):
    initializer, adam = HeNormal(), Adam()
    assert family.get("relu") is relu
    assert family.get(relu) is relu
    assert family.get(initializer) is initializer
    assert family.get(adam) is adam
    assert family.get(None) is None


def test_registry_instantiates_a_class(family):
    assert isinstance(family.get(Adam), Adam)


def test_registry_answers_a_near_miss_with_the_name_meant(family):
    with pytest.raises(ValueError) as caught:
        family.get("HeNorml")
    assert str(caught.value) == (
        "activation: expected a known name, got 'HeNorml'; did you mean 'he_normal'?"
    )


def test_registry_lists_the_names_when_none_is_near(family):
    with pytest.raises(ValueError, match="got 'xyz'; known names: he_normal, relu, adam"):
        family.get("xyz")


@pytest.mark.parametrize("identifier", [3, 2.5, Adam(), ["relu"]])
def test_registry_refuses_other_types(identifier):
    with pytest.raises(TypeError, match="activation: expected a name, a class or a callable"):
        Registry("activation").get(identifier)


def test_registry_decorates_and_lists_each_member_once(family):
    @family.register("tanhshrink", "shrink")
    def tanh_shrink():
        pass

    assert family.get("TanhShrink") is family.get("shrink") is tanh_shrink
    assert list(family.names)[-2:] == ["tanhshrink", "shrink"]
    assert family.members == [HeNormal, relu, Adam, tanh_shrink]


def test_registry_does_not_give_a_name_to_two(family):
    with pytest.raises(ValueError) as caught:
        family.add(AdamW, "A_dam")
    assert str(caught.value) == f"activation: expected a new name, got 'A_dam', known as {Adam}"
    assert family.names["adam"] is Adam

    # A notebook cell that is run again defines the same class again.
    again = type("Adam", (), {"__module__": __name__, "__qualname__": "Adam"})
    assert family.add(again) is family.names["adam"] is again


def test_registry_adds_the_classes_of_a_namespace():
    family = Registry("optimizer", Adam, spelling=str.lower)
    family.add_classes({"Adam": Adam, "AdamW": AdamW, "relu": relu, "HeNormal": HeNormal})
    assert family.names == {"adamw": AdamW}


def test_registry_knows_the_members_of_another_after_its_own(family):
    more = Registry("metric", also=family)
    more.add(type("Relu", (), {}))
    assert type(more.get("relu")).__name__ == "Relu"
    assert isinstance(more.get("he_normal"), HeNormal)
    assert more.members == [more.names["relu"]]
    with pytest.raises(ValueError, match=r"metric: .* known names: he_normal, relu, adam"):
        more.get("xyz")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Dense", "dense"),
        ("Conv2D", "conv2d"),
        ("MaxPooling2D", "max_pooling2d"),
        ("GlobalAveragePooling2D", "global_average_pooling2d"),
        ("BatchNormalization", "batch_normalization"),
        ("ReLU", "re_lu"),  # as Keras has it
        ("LeakyReLU", "leaky_re_lu"),
        ("KLDivergence", "kl_divergence"),
    ],
)
def test_to_snake_case_is_that_of_keras(name, expected):
    assert to_snake_case(name) == expected


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.float32(3), np.array(3)])
def test_whole_number_is_taken_in_any_type(value):
    number = whole_number("fit", "epochs", value)
    assert (number, type(number)) == (3, int)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (2.5, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (-1, ValueError),
        (np.int64(-1), ValueError),
        ("3", TypeError),
        (None, TypeError),
        (True, TypeError),
        (np.bool_(True), TypeError),
        ([3], TypeError),
        (np.array([3]), TypeError),
        (1 + 0j, TypeError),
    ],
)
def test_other_numbers_are_refused_by_the_name_of_the_argument(value, error):
    with pytest.raises(error) as caught:
        whole_number("fit", "epochs", value)
    expected = f"fit: expected epochs as a whole number of at least 0, got {value!r}"
    assert str(caught.value) == expected


def test_whole_number_has_a_least_value_and_may_be_optional():
    assert whole_number("fit", "epochs", 2, least=2) == 2
    assert whole_number("fit", "epochs", None, optional=True) is None
    with pytest.raises(ValueError, match="at least 3, got 2"):
        whole_number("fit", "epochs", 2, least=3)


# --- labels --------------------------------------------------------------------------------------


def test_to_categorical_makes_one_hot_rows_of_float64():
    rows = to_categorical([2, 0, 1])
    assert rows.dtype == np.float64
    np.testing.assert_array_equal(rows, [[0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_to_categorical_drops_a_last_axis_of_one_and_takes_num_classes():
    labels = np.array([[[1], [4]], [[0], [3]], [[2], [2]]], np.uint8)  # (3, 2, 1)
    rows = to_categorical(labels, num_classes=7)
    assert rows.shape == (3, 2, 7)
    np.testing.assert_array_equal(rows.argmax(-1), labels[..., 0])
    np.testing.assert_array_equal(rows.sum(-1), np.ones((3, 2)))


def test_to_categorical_of_a_scalar_is_one_row():
    np.testing.assert_array_equal(to_categorical(1, 3), [0, 1, 0])


@pytest.mark.parametrize(
    ("labels", "num_classes", "message"),
    [
        ([0, 3], 3, "labels from 0 to 2, got 3"),
        ([0, -1], None, "labels from 0 to 0, got -1"),
        ([0.0, 1.5], None, "expected integer labels, got 1.5"),
        ([], None, "expected num_classes"),
    ],
)
def test_to_categorical_refuses_other_labels(labels, num_classes, message):
    with pytest.raises(ValueError, match=f"to_categorical: .*{message}"):
        to_categorical(labels, num_classes)


@pytest.mark.parametrize("shape", [(), (2,), (3, 2)])
def test_one_hot_rows_have_a_one_at_each_label(shape):
    labels = np.arange(int(np.prod(shape))).reshape(shape)
    rows = one_hot(labels, 7, np.float32)
    assert rows.shape == (*shape, 7) and rows.dtype == np.float32
    np.testing.assert_array_equal(rows.argmax(-1), labels)
    assert rows.sum() == labels.size


def test_to_categorical_needs_the_memory_of_its_rows_alone():
    tracemalloc.start()
    rows = to_categorical([0, 4999])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * rows.nbytes


def test_as_labels_takes_whole_floats_and_refuses_what_is_no_number():
    assert as_labels("loss", np.float32([2, 0])).tolist() == [2, 0]
    for value in (np.nan, np.inf, 0.5):
        with pytest.raises(ValueError, match=f"loss: expected integer labels, got {value}"):
            as_labels("loss", [1.0, value])
    with pytest.raises(TypeError, match="loss: expected integer labels, got <U3"):
        as_labels("loss", ["cat"])


# --- norms ---------------------------------------------------------------------------------------


def test_normalize_gives_vectors_of_norm_one_and_leaves_zeros():
    x = np.array([[3.0, 4.0], [0.0, 0.0], [-6.0, 8.0]])
    np.testing.assert_allclose(normalize(x), [[0.6, 0.8], [0, 0], [-0.6, 0.8]], rtol=1e-15)
    np.testing.assert_allclose(normalize(x, axis=0, order=1)[:, 0], [1 / 3, 0, -2 / 3], rtol=1e-15)
    np.testing.assert_allclose(normalize([3, 4]), [0.6, 0.8], rtol=1e-15)


# --- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((5,), (5, 1), (5, 1)),
        ((5, 3), (5, 3, 1), (5, 3)),
        ((), (1,), ()),
        ((5,), (5,), (5,)),
    ],
)
def test_match_ranks_makes_shapes_agree_in_either_order(first, second, expected):
    x, y = np.zeros(first), np.ones(second)
    for a, b in (match_ranks(x, y), match_ranks(y, x)[::-1]):
        assert a.shape == b.shape == expected
        assert not a.any() and b.all()  # and neither took the other's place


def test_match_ranks_leaves_shapes_that_differ_otherwise():
    x, y = match_ranks(np.zeros(5), np.zeros((5, 3)))
    assert (x.shape, y.shape) == ((5,), (5, 3))


@pytest.mark.parametrize("shape", [(), (5,), (5, 1), (5, 3), (5, 3, 1)])
def test_match_weights_broadcasts_weights_of_the_first_axes(shape):
    weights = np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)
    matched = match_weights("loss", weights, (5, 3))
    expected = weights.reshape(shape[:2] + (1,) * (2 - len(shape)))
    np.testing.assert_array_equal(matched, expected)
    np.broadcast_shapes(matched.shape, (5, 3))


@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 3), (5, 1), (1, 3, 1)])
def test_match_weights_broadcasts_axes_of_size_one(shape):
    weights = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    matched = match_weights("loss", weights, (5, 3))
    expected = weights.reshape(*shape[:2], *[1] * (2 - len(shape)))
    np.testing.assert_array_equal(matched * np.ones((5, 3)), expected * np.ones((5, 3)))


@pytest.mark.parametrize("shape", [(3,), (5, 2), (5, 3, 2), (5, 1, 3), (2, 3)])
def test_match_weights_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"loss: expected sample_weight of shape \(5, 3\) or"):
        match_weights("loss", np.ones(shape), (5, 3))


def test_match_weights_refuses_nan():
    with pytest.raises(ValueError, match="loss: expected finite sample_weight"):
        match_weights("loss", [1.0, np.nan], (2,))


def test_tensors_are_normalized_and_encoded_as_tensors():
    x = np.random.default_rng(0).normal(size=(3, 4))
    for order in (1, 2, 3, np.inf):
        result = normalize(Tensor(x), 0, order)
        assert type(result) is Tensor
        np.testing.assert_array_equal(result.numpy(), normalize(x, 0, order))
    check_gradients(normalize, x)
    rows = to_categorical(Tensor([2.0, 0.0]))
    assert type(rows) is Tensor
    np.testing.assert_array_equal(rows.numpy(), [[0, 0, 1], [1, 0, 0]])


def test_keras_names_are_there_at_the_top():
    names = (
        "Initializer",
        "Layer",
        "Loss",
        "Metric",
        "Model",
        "Optimizer",
        "Regularizer",
        "Variable",
    )
    for name in names:
        assert isinstance(getattr(minigrad, name), type)
        assert name in dir(minigrad)
    assert minigrad.version() == minigrad.__version__
