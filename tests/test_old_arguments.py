"""Arguments, methods and logs under the names of Keras 1 and 2: taken, with a warning."""

import copy
import re
import warnings

import numpy as np
import pytest

from minigrad import (  # noqa: F401 (used by the codes)
    Input,
    Model,
    Sequential,
    callbacks,
    constraints,
    layers,
    optimizers,
    regularizers,
    utils,
)

X = np.random.default_rng(0).normal(size=(12, 3))
Y = (X[:, :1] > 0).astype(float)
IMAGES = {"input_shape": (7, 9, 2)}


def told(code):
    """The value of code in a file "user.py", and its warnings, all of which point there."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = eval(compile(code, "user.py", "eval"), globals() | {"x": Input((3,))})
    assert {(w.category, w.filename) for w in caught} <= {(FutureWarning, "user.py")}
    return value, [str(warning.message) for warning in caught]


# Old form, new form, what is told.
FORMS = [
    ("optimizers.Adam(lr=0.1)", "optimizers.Adam(0.1)", "Adam: lr is an .* learning_rate=0.1"),
    ("optimizers.SGD(0.1, 0.9, decay=0.0)", "optimizers.SGD(0.1, 0.9)", "decay has no effect"),
    (
        "optimizers.SGD(lr=0.1, decay=0.01, momentum=0.9)",
        "optimizers.SGD(optimizers.schedules.InverseTimeDecay(0.1, 1, 0.01), 0.9)",
        r"write learning_rate=schedules.InverseTimeDecay\(0.1, 1, 0.01\)",
    ),
    (
        "optimizers.RMSprop(decay=0.01)",
        "optimizers.RMSprop(optimizers.schedules.InverseTimeDecay(0.001, 1, 0.01))",
        r"InverseTimeDecay\(0.001, 1, 0.01\)",
    ),
    (
        "optimizers.SGD(0.2, 0.9, True, decay=0.01)",
        "optimizers.SGD(optimizers.schedules.InverseTimeDecay(0.2, 1, 0.01), 0.9, True)",
        r"InverseTimeDecay\(0.2, 1, 0.01\)",
    ),
    ("layers.Dense(output_dim=4, init='uniform')",
     "layers.Dense(4, kernel_initializer='uniform')", "kernel_initializer='uniform'"),
    ("layers.Dense(4, W_regularizer='l2', b_constraint='non_neg', bias=True)",
     "layers.Dense(4, None, True, kernel_regularizer='l2', bias_constraint='non_neg')",
     "kernel_regularizer='l2'"),
    ("layers.Dense(4, batch_input_shape=(None, 5))", "layers.Dense(4, input_shape=(5,))",
     r"input_shape=\(5,\)"),
    ("layers.Convolution2D(4, 3, 5, border_mode='same', dim_ordering='tf')",
     "layers.Conv2D(4, (3, 5), padding='same')", r"kernel_size=\(3, 5\)"),
    ("layers.Convolution2D(nb_filter=4, nb_row=3, nb_col=5, subsample=(2, 1), **IMAGES)",
     "layers.Conv2D(4, (3, 5), strides=(2, 1), **IMAGES)", "nb_row and nb_col are old names"),
    ("layers.Convolution1D(nb_filter=4, filter_length=3, subsample_length=2)",
     "layers.Conv1D(4, 3, strides=2)", "kernel_size=3"),
    ("layers.MaxPooling1D(pool_length=3)", "layers.MaxPooling1D(3)", "pool_size=3"),
    ("layers.Conv2D(4, 3, 3)", "layers.Conv2D(4, 3, strides=3)",
     r"third argument is strides=3; for a kernel .* kernel_size=\(3, 3\)"),
    ("layers.Dropout(p=0.25)", "layers.Dropout(0.25)", "Dropout: p is an old .* rate=0.25"),
    ("layers.LeakyReLU(alpha=0.1)", "layers.LeakyReLU(0.1)", "negative_slope=0.1"),
    ("layers.GaussianNoise(sigma=0.1)", "layers.GaussianNoise(0.1)", "stddev=0.1"),
    ("layers.BatchNormalization(mode=0, gamma_init='ones')",
     "layers.BatchNormalization(gamma_initializer='ones')", "mode has no effect"),
    ("layers.Embedding(9, 3, input_length=5, init='zeros')",
     "layers.Embedding(9, 3, embeddings_initializer='zeros')", "input_length has no effect"),
    ("layers.UpSampling1D(length=3)", "layers.UpSampling1D(3)", "size=3"),
    ("regularizers.L2(l=0.5)", "regularizers.L2(0.5)", "l2=0.5"),
    ("regularizers.L1(l=0.5)", "regularizers.L1(0.5)", "l1=0.5"),
    ("constraints.MaxNorm(m=3)", "constraints.MaxNorm(3)", "max_value=3"),
    ("callbacks.ReduceLROnPlateau(epsilon=0.1)", "callbacks.ReduceLROnPlateau(min_delta=0.1)",
     "min_delta=0.1"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), FORMS, ids=[row[0] for row in FORMS])
def test_an_old_form_makes_the_same_and_tells_the_new_one(old, new, message):
    made, messages = told(old)
    expected, none = told(new)
    if hasattr(made, "name"):
        made.name = expected.name
    assert repr(made) == repr(expected)
    assert any(re.search(message, text) for text in messages) and not none
    assert repr(copy.deepcopy(made)) == repr(expected)


@pytest.mark.parametrize(
    "code",
    [
        "layers.Conv2D(8, 4, 4)",  # patches: more than likely no form of Keras 1
        "layers.Conv2D(8, 3, 1)",
        "layers.Conv2D(8, (3, 3), 2)",
        "layers.Conv1D(8, 3, 3)",
        "layers.ELU(alpha=0.5)",
        "layers.Embedding(5, output_dim=3)",
        "optimizers.Adam(0.1, 0.8, 0.9)",
        "regularizers.L1L2(l1=0.1, l2=0.2)",
    ],
)
def test_what_is_no_old_form_is_not_taken_for_one(code):
    assert told(code)[1] == []


class Weighted(layers.Layer):
    """Its own argument is one that others had."""

    def __init__(self, output_dim, p=0.5, **kwargs):
        super().__init__(**kwargs)
        self.output_dim, self.p = output_dim, p


def test_arguments_of_an_own_class_are_its_own():
    layer, messages = told("Weighted(3, p=0.25, input_dim=4)")
    assert (layer.output_dim, layer.p, messages) == (3, 0.25, [])
    with pytest.raises(TypeError, match="Weighted: expected a known argument, got lr"):
        Weighted(3, lr=0.1)


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("layers.BatchNormalization(mode=1)", TypeError, "got mode"),
        ("callbacks.ModelCheckpoint('w.weights.npz', period=2)", TypeError, "got period"),
        ("layers.Dropout(0.5, lr=0.1)", TypeError, "got lr"),
        ("layers.MaxPooling2D(dim_ordering='th')", ValueError, "got 'channels_first'; put the ch"),
        ("optimizers.Adam(lr=0.1, learning_rate=0.1)", TypeError, "its old name lr, got both"),
    ],
)
def test_what_has_no_new_form_is_refused(code, error, message):
    with pytest.raises(error, match=message):
        told(code)


# --- models --------------------------------------------------------------------------------------


def classifier(units=1):
    model = Sequential([Input((3,)), layers.Dense(units, "sigmoid")])
    loss = "binary_crossentropy" if units == 1 else "categorical_crossentropy"
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def test_models_and_fit_take_old_names():
    model, messages = told("Model(input=x, output=layers.Dense(1)(x))")
    assert model.output_shape == (None, 1) and len(messages) == 2
    model = classifier()
    _, messages = told_by(model, "model.compile('sgd', 'mse', class_mode='binary')")
    assert messages == ["compile: class_mode has no effect; leave it out"]
    history, messages = told_by(
        model, "model.fit(X, Y, nb_epoch=2, show_accuracy=True, verbose=0, workers=4)"
    )
    assert history.epoch == [0, 1]
    assert messages[0] == "fit: nb_epoch is an old name; write epochs=2" and len(messages) == 3
    told_by(model, "model.evaluate(X, Y, show_accuracy=True, verbose=0)")


def told_by(model, code):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = eval(compile(code, "user.py", "eval"), globals() | {"model": model})
    assert {w.filename for w in caught} == {"user.py"}
    return value, [str(warning.message) for warning in caught]


class Endless:
    """Batches without end, that know their size."""

    batch_size = 5

    def __iter__(self):
        while True:
            yield X[:5], Y[:5]


def test_methods_for_generators_are_those_of_arrays():
    model = classifier()
    code = "model.fit_generator(Endless(), samples_per_epoch=12, nb_epoch=2, verbose=0, "
    code += "validation_data=Endless(), nb_val_samples=4)"
    history, messages = told_by(model, code)
    assert model.optimizer.iterations == 6 and len(history.history["val_loss"]) == 2
    assert "fit_generator is an old name; write fit(generator, ...)" in messages
    assert any("write steps_per_epoch=3" in text for text in messages)
    measured, _ = told_by(model, "model.evaluate_generator(Endless(), steps=2, verbose=0)")
    assert measured == model.evaluate(X[:5], Y[:5], verbose=0)
    outputs, _ = told_by(model, "model.predict_generator(Endless(), steps=2, verbose=0)")
    assert outputs.shape == (10, 1)


def test_samples_an_epoch_need_a_batch_size():
    batches = ((X, Y) for _ in range(2))
    with pytest.raises(ValueError, match="write steps_per_epoch=samples // batch_size in place of"):
        told_by(classifier(), "model.fit_generator(iter([]), samples_per_epoch=12)")
    told_by(classifier(), "model.fit_generator(iter([(X, Y)]), 1, 1, 0)")
    del batches


def test_predict_classes_and_proba():
    model, several = classifier(), classifier(4)
    outputs = model.predict(X, verbose=0)
    classes, messages = told_by(model, "model.predict_classes(X)")
    np.testing.assert_array_equal(classes, outputs > 0.5)
    assert classes.dtype == np.int32 and "(predict(x) > 0.5)" in messages[0]
    classes, messages = told_by(several, "model.predict_classes(X, batch_size=5)")
    np.testing.assert_array_equal(classes, several.predict(X, verbose=0).argmax(-1))
    assert "write predict(x).argmax(axis=-1)" in messages[0]
    np.testing.assert_array_equal(told_by(model, "model.predict_proba(X)")[0], outputs)


def test_lr_of_an_optimizer_is_its_learning_rate():
    model = classifier()
    with pytest.warns(FutureWarning, match="write optimizer.learning_rate"):
        model.optimizer.lr = 0.5
    with pytest.warns(FutureWarning, match="write optimizer.learning_rate") as told:
        assert model.optimizer.lr == model.optimizer.learning_rate == 0.5
    assert told[0].filename == __file__  # the line that is to be changed


def test_to_categorical_takes_the_name_of_keras_1():
    rows, messages = told("utils.to_categorical([0, 2], nb_classes=4)")
    assert rows.shape == (2, 4) and "write num_classes=4" in messages[0]


# --- logs ----------------------------------------------------------------------------------------


def test_acc_finds_accuracy_in_the_history_and_the_other_way_round():
    model = classifier()
    history = model.fit(X, Y, epochs=2, validation_split=0.5, verbose=0).history
    with pytest.warns(FutureWarning, match="'val_acc' is called 'val_accuracy' here"):
        assert history["val_acc"] == history["val_accuracy"]
    assert "acc" not in history and history == dict(history)
    with pytest.raises(KeyError, match="'lr'; expected one of 'accuracy', 'loss', 'val_acc"):
        history["lr"]
    model.compile("sgd", "mse", metrics=["acc"])
    history = model.fit(X, Y, verbose=0).history
    with pytest.warns(FutureWarning, match="'accuracy' is called 'acc' here"):
        assert history["accuracy"] == history["acc"]


def test_callbacks_follow_acc_to_accuracy(tmp_path):
    path = str(tmp_path / "{epoch}-{val_acc:.2f}.weights.npz")
    stop = callbacks.EarlyStopping("val_acc", patience=5)
    save = callbacks.ModelCheckpoint(
        path, "val_acc", save_best_only=True, save_weights_only=True, mode="max"
    )
    with pytest.warns(FutureWarning, match="'val_acc' is called 'val_accuracy' here") as caught:
        classifier().fit(X, Y, validation_split=0.5, verbose=0, callbacks=[stop, save])
    assert stop.monitor == save.monitor == "val_accuracy" and stop.best is not None
    assert len(list(tmp_path.glob("1-*.npz"))) == 1
    assert {type(w.message) for w in caught} == {FutureWarning}
