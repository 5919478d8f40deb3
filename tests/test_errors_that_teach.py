"""The slips that beginners make: each message says where, what was expected, what came, the cure.

Read one aloud before you add it: plain English, one sentence, and what to write instead.
"""

# ruff: noqa: F401 (the code in the tables uses what is imported)

import copy
import pickle

import numpy as np
import pytest

from minigrad import (
    Input,
    Model,
    Parameter,
    Sequential,
    Tensor,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
)
from minigrad.callbacks import EarlyStopping
from minigrad.layers import Add, Concatenate, Conv2D, Dense, Embedding, Flatten, Layer
from minigrad.optimizers import schedules

pytestmark = pytest.mark.bad_input

RNG = np.random.default_rng(0)
IMAGES = RNG.random((8, 9, 7, 1), dtype=np.float32)
ROWS = RNG.random((8, 4), dtype=np.float32)
LABELS = np.arange(8)
ONE_HOT = np.eye(10)[LABELS]
SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"


def compiled(layer=None, loss="mse", **options):
    """A small model of rows (N, 4), ready to train."""
    model = Sequential([Input((4,)), layer or Dense(1)])
    model.compile("sgd", loss, **options)
    return model


def on_images(loss, *rest):
    """A model of images (N, 9, 7, 1), ready to train."""
    model = Sequential([Input((9, 7, 1)), Conv2D(2, 3), *rest])
    model.compile("sgd", loss)
    return model


def two_inputs():
    a, b = Input((4,), name="a"), Input((3,), name="b")
    return Model([a, b], Concatenate()([a, b]))


def two_outputs(loss="mse", **options):
    x = Input((4,))
    model = Model(x, [Dense(1, name="p")(x), Dense(2, name="q")(x)])
    model.compile("sgd", loss, **options)
    return model


def own(call):
    """A layer with this ``call``."""
    return type("Own", (Layer,), {"call": call})()


class Forgetful(Layer):
    def __init__(self):
        self.units = 3

    def call(self, x):
        return x


def forgetful(base):
    """An instance of a class whose constructor does not call that of ``base``."""
    return type("Forgetful", (base,), {"__init__": lambda self: None})()


class Network(Model):
    def __init__(self):
        super().__init__()
        self.dense = Dense(3)

    def call(self, x):
        return self.dense(x)


class Silent(Network):
    def train_step(self, data):
        pass


x = Input((4,), name="x")
w = Parameter([1.0, 2.0], name="w")

# Code, the error, and what its message says, in full or with its beginning and cure.
SLIPS = [
    # a class or something else where an object is wanted
    (
        "Sequential([Dense])",
        TypeError,
        r"'sequential': .* instance of a layer, got Dense; write Dense\(\.\.\.\)",
    ),
    ("Sequential([Dense(3), 'relu'])", TypeError, r"layer, got 'relu'; write Activation\('relu'\)"),
    ("Sequential([Dense(3), np.tanh])", TypeError, r"layer, got tanh; write Lambda\(tanh\)"),
    (
        "Sequential([[Dense(3)], Dense(2)])",
        TypeError,
        r"got \[<Dense 'dense'>\]; write one list of",
    ),
    (
        "Sequential(Dense(3), Dense(2))",
        TypeError,
        r"a list of layers, got Dense\(.*; write Sequential\(\[layer, layer\]\)",
    ),
    ("Sequential().add(None)", TypeError, "an instance of a layer, got None"),
    (
        "compiled().fit(ROWS, ROWS, callbacks=[EarlyStopping])",
        TypeError,
        r"callbacks: .* got .*EarlyStopping'>; write EarlyStopping\(\)",
    ),
    (
        "compiled().fit(ROWS, ROWS, callbacks=['early_stopping'])",
        TypeError,
        "callbacks: expected an instance of Callback each, got 'early_stopping'",
    ),
    (
        "compiled().compile(0.1)",
        TypeError,
        "optimizer: expected a name, a class or a callable, got 0.1; known names: adadelta",
    ),
    (
        "compiled().compile(losses.MeanSquaredError())",
        TypeError,
        r"optimizer: expected an Optimizer or its name, class or config, got MeanSquaredError\(",
    ),
    (
        "compiled(loss=3)",
        TypeError,
        "loss: expected a name, a class or a callable, got 3; known names: mean_squared_error",
    ),
    (
        "compiled(loss=optimizers.SGD())",
        TypeError,
        r"loss: expected a name.* got SGD\(learning_rate=0.01",
    ),
    (
        "compiled(loss=lambda y: y)",
        TypeError,
        r"loss: expected a function of \(y_true, y_pred\), got <function",
    ),
    (
        "compiled(metrics=[lambda y: y])",
        TypeError,
        r"metric: expected a function of \(y_true, y_pred\), got",
    ),
    (
        "compiled(metrics=[3])",
        TypeError,
        "metric: expected a name, a class or a callable, got 3; known names: ",
    ),
    ("optimizers.get({'class': 'Adam'})", ValueError, "optimizer: expected a config .*class_name"),
    (
        "optimizers.SGD(schedules.CosineDecay)",
        TypeError,
        r"learning_rate .* got the class CosineDecay; write CosineDecay\(\.\.\.\)",
    ),
    (
        "optimizers.SGD([w])",
        TypeError,
        r"got a list as learning rate; write SGD\(learning_rate=\.\.\., parameters=\[w, b\]\)",
    ),
    (
        "optimizers.SGD(0.1, parameters=w)",
        TypeError,
        r"sgd: expected a list of tensors, got one; write \[tensor\]",
    ),
    (
        "optimizers.SGD(0.1, parameters=Sequential([Dense(3)]).weights)",
        ValueError,
        "SGD: expected parameters to train, got none; build the model first",
    ),
    (
        "callbacks.LearningRateScheduler(0.1)",
        TypeError,
        "expected schedule as a function of the epoch, got 0.1",
    ),
    (
        "Dense(3, kernel_regularizer=0.01)",
        TypeError,
        "regularizer: expected a name, a class or a callable, got 0.01; known names: l1",
    ),
    (
        "Dense(3, kernel_initializer=3)",
        TypeError,
        "initializer: expected a name, a class or a callable, got 3; known names: zeros",
    ),
    # misspelled names, of arguments and of what they name
    (
        "Dense(3, activaton='relu')",
        TypeError,
        r"Dense: expected a known argument, got activaton; did you mean activation\?",
    ),
    (
        "Dense(3, activation='rleu')",
        ValueError,
        "activation: expected a known name, got 'rleu'; did you mean 'relu'",
    ),
    ("Dense(out_features=3)", TypeError, r"Dense: .* got out_features; did you mean units\?"),
    ("Dense(3, color='red')", TypeError, "got color; known arguments: units, activation, use_bias"),
    (
        "Conv2D(8)",
        TypeError,
        "Conv2D: missing a required argument: 'kernel_size'; known arguments: filters, kernel_size",
    ),
    ("Conv2D(8, 3, stride=2)", TypeError, r"Conv2D: .* got stride; did you mean strides\?"),
    ("layers.MaxPooling2D(poolsize=2)", TypeError, r"MaxPooling2D: .* did you mean pool_size\?"),
    (
        "Dense(3, 'relu', True, 4)",
        TypeError,
        "Dense: too many positional arguments; known arguments: units, activation",
    ),
    (
        "Input((4,), nme='x')",
        TypeError,
        r"Input: expected a known argument, got nme; did you mean name\?",
    ),
    (
        "losses.MeanSquaredError(reductoin='sum')",
        TypeError,
        r"MeanSquaredError: .* did you mean reduction\?",
    ),
    ("losses.CategoricalCrossentropy(from_logit=True)", TypeError, r"did you mean from_logits\?"),
    ("metrics.Accuracy(nam='a')", TypeError, r"Accuracy: .* got nam; did you mean name\?"),
    ("metrics.Precision(threshold=0.5)", TypeError, r"Precision: .* did you mean thresholds\?"),
    ("metrics.AUC(num_threshold=9)", TypeError, r"AUC: .* did you mean num_thresholds\?"),
    ("optimizers.SGD(lr=1, learning_rate=1)", TypeError, "learning_rate, or its old name lr, got"),
    ("optimizers.SGD(0.1, momentun=0.9)", TypeError, r"SGD: .* did you mean momentum\?"),
    (
        "schedules.ExponentialDecay(0.1, decay_step=9, decay_rate=0.9)",
        TypeError,
        r"ExponentialDecay: .* did you mean decay_steps\?",
    ),
    (
        "EarlyStopping(patient=3)",
        TypeError,
        r"EarlyStopping: .* got patient; did you mean patience\?",
    ),
    (
        "callbacks.ReduceLROnPlateau(factr=0.1)",
        TypeError,
        r"ReduceLROnPlateau: .* did you mean factor\?",
    ),
    (
        "callbacks.LambdaCallback(on_epoch_ended=print)",
        TypeError,
        r"LambdaCallback: expected a hook \(.*on_epoch_end.*got on_epoch_ended",
    ),
    ("initializers.HeNormal(sed=3)", TypeError, r"HeNormal: .* did you mean seed\?"),
    ("initializers.RandomNormal(std=0.1)", TypeError, r"RandomNormal: .* did you mean stddev\?"),
    (
        "regularizers.L2(l1=0.1)",
        TypeError,
        "L2: expected a known argument, got l1; known arguments: l2",
    ),
    ("constraints.MaxNorm(max=3)", TypeError, "MaxNorm: expected a known argument, got max"),
    ("compiled().compile(optimiser='adam')", TypeError, r"compile: .* did you mean optimizer\?"),
    ("compiled().compile(metric=['mae'])", TypeError, r"compile: .* did you mean metrics\?"),
    (
        "compiled().compile('adam', lr=0.1)",
        TypeError,
        "compile: .* got lr; known arguments: optimizer, loss",
    ),
    (
        "compiled().compile('adamm')",
        ValueError,
        "optimizer: expected a known name, got 'adamm'; did you mean 'adam'",
    ),
    (
        "compiled(loss='mean_square_error')",
        ValueError,
        "loss: .* did you mean 'mean_squared_error'",
    ),
    ("compiled(metrics=['acuracy'])", ValueError, "metric: .* did you mean 'accuracy'"),
    (
        "compiled().fit(ROWS, ROWS, epoch=5)",
        TypeError,
        r"fit: expected a known argument, got epoch; did you mean epochs\?",
    ),
    ("compiled().fit(ROWS, ROWS, epoch=5)", TypeError, r"fit: .* did you mean epochs\?"),
    (
        "compiled().evaluate(ROWS, ROWS, batchsize=5)",
        TypeError,
        r"evaluate: .* did you mean batch_size\?",
    ),
    (
        "compiled().predict()",
        TypeError,
        "predict: missing a required argument: 'x'; known arguments: x, batch_size",
    ),
    # wrong values
    (
        "Dense('3')",
        ValueError,
        "Dense 'dense': expected units to be an integer of at least 1, got '3'",
    ),
    ("Dense(0)", ValueError, "expected units to be an integer of at least 1, got 0"),
    ("layers.Dropout(50)", ValueError, r"Dropout: expected rate in \[0, 1\], got 50"),
    (
        "Dense(3, dtype='int32')",
        TypeError,
        "expected dtype float32 or float64, got 'int32'; leave it out, integers are converted",
    ),
    ("Dense(3, name=7)", ValueError, "Dense: expected a name without '/' and NUL, got 7"),
    (
        "layers.Reshape(5)",
        TypeError,
        "Reshape 'reshape': expected a tuple of ints for target_shape, got 5",
    ),
    (
        "compiled().fit(ROWS, ROWS, verbose='yes')",
        ValueError,
        "verbose: expected 'auto', 0, 1 or 2, got 'yes'",
    ),
    (
        "compiled().fit(ROWS, ROWS, epochs='3')",
        TypeError,
        "fit: expected epochs as a whole number of at least 0, got '3'",
    ),
    # shapes: the batch axis, the channel axis, Flatten
    (
        "Input(4)",
        TypeError,
        r"'input_layer': expected a tuple of ints for input_shape, got 4; write \(4,\)",
    ),
    ("Input(ROWS)", TypeError, r"expected a tuple of ints for input_shape, got <array \(8, 4\)>"),
    (
        "Dense(3)(ROWS[0])",
        ValueError,
        r"at least 2 axes, .* got \(4,\); write x\[None\] for one sample, x\[:, None\] for one "
        r"number",
    ),
    (
        "compiled().predict(ROWS[0])",
        ValueError,
        r"'sequential': expected an input of shape \(None, 4\), got \(4,\); add a batch axis to "
        r"one sample: x\[None\]",
    ),
    (
        "on_images('mse').predict(IMAGES[0])",
        ValueError,
        r"got \(9, 7, 1\); add a batch axis to one sample: x\[None\]",
    ),
    (
        "Conv2D(2, 3)(IMAGES[0])",
        ValueError,
        r"'conv2d': expected an input of 4 axes.*; add a batch axis to one sample: x\[None\]",
    ),
    (
        "Conv2D(2, 3)(IMAGES[..., 0])",
        ValueError,
        r"'conv2d': expected an input of 4 axes.*; add a channel axis: x\[\.\.\., None\]",
    ),
    (
        "Sequential([Input((9, 7)), Conv2D(2, 3)])",
        ValueError,
        r"'conv2d': .* got \(None, 9, 7\); add a channel axis",
    ),
    (
        "Sequential([Input((None, 9, 7, 1)), Conv2D(2, 3)])",
        ValueError,
        "'conv2d': .*; a shape given to Input has no batch axis: it is that of one sample",
    ),
    (
        "Sequential([Conv2D(2, 3, input_shape=(8, 9, 7, 1))])",
        ValueError,
        "a shape given to Input has no batch axis",
    ),
    (
        "Sequential([Input((8, 9, 7, 1)), Flatten()]).predict(IMAGES)",
        ValueError,
        "a shape given to Input has no batch axis",
    ),
    (
        "on_images('mse').predict(IMAGES.transpose(0, 3, 1, 2))",
        ValueError,
        r"put the channels last: x\.transpose\(0, 2, 3, 1\)",
    ),
    (
        "Sequential([Input((1, 9, 7)), Conv2D(2, 3)])",
        ValueError,
        r"got 1 and 0 of padding; .* \(images are height, width, channels\)",
    ),
    (
        "compiled().predict(np.ones((8, 2, 2)))",
        ValueError,
        r"\(None, 4\), got \(8, 2, 2\); reshape the samples: x\.reshape\(-1, 4\)",
    ),
    (
        "Model(x, Dense(2)(x)).predict(np.ones((8, 2, 2)))",
        ValueError,
        r"input 'x': .* reshape the samples: x\.reshape\(-1, 4\)",
    ),
    (
        "Conv2D(2, 3)(ROWS)",
        ValueError,
        r"reshape the samples to images: Reshape\(\(height, width, channels\)\)",
    ),
    (
        "compiled().predict(ROWS[:, :3])",
        ValueError,
        r"'sequential': expected an input of shape \(None, 4\), got \(8, 3\)",
    ),
    (
        "dense = Dense(3); dense(ROWS); dense(ROWS[:, :3])",
        ValueError,
        r"'dense': expected an input of size 4 on axis -1, got \(8, 3\)",
    ),
    (
        f"on_images('{SPARSE}', Dense(10, 'softmax')).fit(IMAGES, LABELS)",
        ValueError,
        r"got \(8,\); put Flatten\(\) or GlobalAveragePooling2D\(\) before the last layer",
    ),
    (
        f"on_images('{CATEGORICAL}', Dense(10, 'softmax')).fit(IMAGES, ONE_HOT)",
        ValueError,
        r"got \(8, 10\); put Flatten\(\) or",
    ),
    (
        "on_images('mse', Dense(1)).fit(IMAGES, LABELS)",
        ValueError,
        r"mean_squared_error: .* put Flatten\(\) or",
    ),
    # labels and outputs
    (
        f"compiled(Dense(10, 'softmax'), '{CATEGORICAL}').fit(ROWS, LABELS)",
        ValueError,
        "; integer labels need sparse_categorical_crossentropy",
    ),
    (
        f"compiled(Dense(10, 'softmax'), '{CATEGORICAL}').fit(ROWS, LABELS[:, None])",
        ValueError,
        "; integer labels need sparse_categorical_crossentropy",
    ),
    (
        f"compiled(Dense(10, 'softmax'), '{SPARSE}').fit(ROWS, ONE_HOT)",
        ValueError,
        "; one-hot labels need categorical_crossentropy",
    ),
    (
        f"compiled(Dense(10, 'softmax'), '{SPARSE}').fit(ROWS, LABELS + 5)",
        ValueError,
        "expected labels from 0 to 9, got 12; the last layer has 10 units and needs 13, or y - 1 "
        "if labels begin at 1",
    ),
    (
        f"compiled(Dense(10, 'softmax'), '{SPARSE}').fit(ROWS, LABELS + 0.5)",
        ValueError,
        "expected integer labels, got",
    ),
    (
        f"compiled(Dense(9, 'softmax'), '{CATEGORICAL}').fit(ROWS, ONE_HOT)",
        ValueError,
        "; for such targets the last layer needs units=10",
    ),
    (
        "compiled(Dense(3)).fit(ROWS, LABELS)",
        ValueError,
        r"mean_squared_error: .* \(8, 3\), got \(8,\); .* needs units=1, or, if they are classes, "
        r"the loss sparse_categorical_crossentropy",
    ),
    (
        "compiled(Dense(3)).fit(ROWS, ROWS[:, 0])",
        ValueError,
        r"mean_squared_error: .* \(8, 3\), got \(8,\); .* needs units=1$",
    ),
    (
        f"compiled(Dense(1, 'sigmoid'), '{CATEGORICAL}').fit(ROWS, LABELS % 2)",
        ValueError,
        r"categorical_crossentropy: .* \(8, 1\), got \(8,\); one unit needs binary_crossentropy",
    ),
    (
        f"compiled(Dense(7, 'softmax'), '{SPARSE}').fit(ROWS, LABELS)",
        ValueError,
        "labels from 0 to 6, got 7; the last layer has 7 units and needs 8, or y - 1 if labels",
    ),
    (
        "compiled(Dense(1, 'sigmoid'), 'bce').fit(ROWS, LABELS)",
        ValueError,
        r"got 7.0; scale targets to \[0, 1\], or take sparse_categorical_crossentropy for more",
    ),
    (
        "compiled(Dense(2, 'softmax'), 'bce').fit(ROWS, LABELS % 2)",
        ValueError,
        "binary_crossentropy: .*; integer labels need sparse_categorical_crossentropy",
    ),
    (
        "compiled().fit(ROWS, np.array(list('abcdefgh')))",
        TypeError,
        r"mean_squared_error: expected numbers as y_true, got texts; number them by .*np\.unique",
    ),
    (
        f"compiled(Dense(9), '{SPARSE}').fit(ROWS, np.array(list('abcdefgh')))",
        TypeError,
        r"sparse_categorical_crossentropy: expected integer labels, got <U1; .*np\.unique",
    ),
    (
        "compiled().fit(np.array([list('abcd')] * 8), LABELS)",
        TypeError,
        r"x: expected an array of numbers, got 'a' among them; one-hot columns stand for text",
    ),
    (
        "compiled().fit(np.array([['a', 1, 2, None]] * 8, object), LABELS)",
        TypeError,
        r"x: expected an array of numbers, got 'a' among them; one-hot columns stand for text",
    ),
    (
        "compiled().fit(ROWS)",
        ValueError,
        r"compute_loss: expected targets y for the loss, got None; write fit\(x, y\)",
    ),
    (
        "compiled().fit((ROWS, LABELS))",
        ValueError,
        r"'dense': expected one input, got .*; for data and labels write fit\(x, y\)",
    ),
    (
        "compiled().fit(ROWS, LABELS[:, None], validation_data=ROWS)",
        ValueError,
        r"validation_data=\(x, y\)",
    ),
    (
        f"compiled(Dense(10, 'softmax'), '{SPARSE}').fit(ROWS, LABELS - 1)",
        ValueError,
        r"labels from 0 to 9, got -1; ignore_class=\.\.\. leaves a label out",
    ),
    (
        "np.savez('w.npz', **{'layers/dense/kernel': ROWS}); compiled().load_weights('w.npz')",
        ValueError,
        r"(?s)weights in w.npz do not fit:.*dense/kernel\), expected .* \(4, 1\), got float32 .*"
        r"missing: layers/dense/bias \(dense/bias\), shape \(1,\)\nNothing was loaded",
    ),
    # graphs of layers
    (
        "Model(Input((4,)), Dense(3)(x))",
        ValueError,
        "outputs that are computed from its inputs alone, got one that also needs .*'x'>; add "
        "that to the inputs",
    ),
    ("Model(x)", TypeError, "Model: expected inputs and outputs, or neither, got inputs alone"),
    (
        "Model(x, Dense(2))",
        TypeError,
        r"outputs made with Input\(shape\) and layers called on it, got Dense\(",
    ),
    (
        "Model(ROWS, Dense(2)(x))",
        TypeError,
        r"inputs made with Input\(shape\) .* got <array \(8, 4\)>",
    ),
    (
        "Sequential([Dense(3, name='a'), Dense(2, name='a')])",
        ValueError,
        "layers with unique names, got 'a'; give one another name, or none",
    ),
    (
        "Model(x, Dense(3, name='a')(Dense(3, name='a')(x)))",
        ValueError,
        "expected layers with unique names, got 'a'; give one another name",
    ),
    (
        "if x: pass",
        TypeError,
        r"'x'>: expected a layer or an op of minigrad .* got Python or NumPy.*; compute with ops",
    ),
    ("float(x)", TypeError, "which need its values; compute with ops"),
    ("len(x)", TypeError, "which need its values; compute with ops"),
    ("max(x, 0)", TypeError, "which need its values; compute with ops"),
    (
        "two_inputs().predict(ROWS)",
        ValueError,
        r"Model: expected 2 inputs, \['a', 'b'\], got 1; give them in a list in this order, or in "
        r"a dict by name",
    ),
    (
        "two_inputs().predict([ROWS, ROWS[:, :3], ROWS])",
        ValueError,
        "Model: expected 2 inputs, .* got 3",
    ),
    (
        "two_inputs().predict([ROWS[:, :3], ROWS])",
        ValueError,
        r"input 'a': expected shape \(None, 4\), .* got \(8, 3\)",
    ),
    (
        "two_inputs().predict({'a': ROWS, 'c': ROWS})",
        ValueError,
        r"Model: expected inputs named \['a', 'b'\], got \['a', 'c'\]",
    ),
    (
        "two_inputs()(ROWS, ROWS[:, :3])",
        TypeError,
        r"expected training as a bool, got <array \(8, 3\)>; give several inputs in a "
        r"list",
    ),
    (
        "two_outputs({'p': 'mse', 'r': 'mse'})",
        ValueError,
        "loss: expected the outputs' names p, q, got 'r'",
    ),
    (
        "two_outputs(['mse'])",
        ValueError,
        r"loss: expected a list or dict of 2 values, one for each output \(p, q\), got 1",
    ),
    (
        "two_outputs().fit(ROWS, ROWS[:, :1])",
        ValueError,
        r"y: expected a list or dict of 2 values, one for each output \(p, q\), got one",
    ),
    (
        "two_outputs().fit(ROWS, {'p': ROWS[:, :1]})",
        ValueError,
        "compute_loss: expected targets y for the loss of 'q', got None",
    ),
    ("Add()(ROWS)", TypeError, r"'add': expected a list of inputs, got <array \(8, 4\)>"),
    (
        "Add()([ROWS, ROWS[:, :3]])",
        ValueError,
        r"shapes that broadcast, got \[\(8, 4\), \(8, 3\)\]",
    ),
    # layers of one's own
    (
        "Forgetful()(ROWS)",
        AttributeError,
        r"Forgetful: expected its __init__ to call super\(\).__init__\(\) first",
    ),
    (
        "compiled(metrics=[forgetful(metrics.Metric)]).fit(ROWS, ROWS[:, :1])",
        AttributeError,
        r"Forgetful: expected its __init__ to call super\(\).__init__\(\) first, got no 'name' yet",
    ),
    (
        "compiled(loss=forgetful(losses.MeanSquaredError)).fit(ROWS, ROWS[:, :1])",
        AttributeError,
        r"Forgetful: expected its __init__ to call super\(\).__init__\(\) first",
    ),
    (
        "forgetful(optimizers.SGD).apply([np.ones(2)], [w])",
        AttributeError,
        r"Forgetful: expected its __init__ to call super\(\).__init__\(\) first",
    ),
    (
        "compiled().fit(ROWS, ROWS[:, :1], callbacks=[forgetful(callbacks.EarlyStopping)])",
        AttributeError,
        r"Forgetful: expected its __init__ to call super\(\).__init__\(\) first",
    ),
    (
        "Sequential([Forgetful()])",
        AttributeError,
        r"Forgetful: expected its __init__ to call super\(\).__init__\(\) first",
    ),
    (
        "own(lambda self, x: None)(ROWS)",
        TypeError,
        "Own 'own': expected call to return a Tensor, or a list, tuple or dict of Tensors, got "
        "None",
    ),
    (
        "own(lambda self, x: [x, 'a'])(ROWS)",
        TypeError,
        r"'own': expected call to return a Tensor, .* got \[<array \(8, 4\)>, 'a'\]",
    ),
    (
        "own(lambda self, x: [])(ROWS)",
        TypeError,
        r"'own': expected call to return a Tensor, .* got \[\]",
    ),
    (
        "own(lambda self, x: Dense(3)(x))(ROWS)",
        ValueError,
        "'dense': expected weight 'kernel' to be made in __init__ or build, got one made in call; "
        "make the layer in __init__",
    ),
    (
        "own(lambda self, x: x @ self.add_weight((4, 3)))(ROWS)",
        ValueError,
        "'own': expected weight 'weight_0' .* got one made in call; make it in __init__",
    ),
    ("Layer()(ROWS)", NotImplementedError, r"Layer: call\(self, x\) is missing"),
    (
        "Model()(ROWS)",
        NotImplementedError,
        r"expected a call\(self, x\) method, or Model\(inputs, outputs\), got neither",
    ),
    (
        "net = Silent(); net.compile('sgd', 'mse'); net.fit(ROWS, ROWS)",
        TypeError,
        r"train_step, test_step: expected a dict of logs, got None; return "
        r"self.get_metrics_result\(\)",
    ),
    # too early, too late, or of another model
    (
        "Sequential([Dense(3)]).fit(ROWS, ROWS)",
        ValueError,
        r"You must call `compile\(\)` before using the model",
    ),
    (
        "Sequential([Dense(3)]).count_params()",
        ValueError,
        r"'sequential': expected build\(input_shape\) or a call on data first, got no weights yet",
    ),
    (
        "Sequential([Dense(3)]).output",
        AttributeError,
        r"got none yet; begin with Input\(shape\), or call the model on data first",
    ),
    (
        "Network().save_weights('w.weights.npz')",
        ValueError,
        r"built layers, got unbuilt dense; call the model on data, or model.build",
    ),
    ("compiled().set_weights(None)", TypeError, "set_weights: expected .* got arrays=None"),
    ("compiled().load_weights(None)", TypeError, "load_weights: expected .* got filepath=None"),
    ("compiled().save(None)", TypeError, "save: expected other arguments, got filepath=None"),
    ("layers.Rescaling('x')", TypeError, "Rescaling: expected scale as a number, got 'x'"),
    (
        "metrics.Accuracy().update_state([1], None)",
        TypeError,
        "accuracy: expected numbers as y_pred, got None, of type object",
    ),
    (
        "metrics.Precision().update_state([-1, 1], [0.2, 0.7])",
        ValueError,
        "precision: expected labels of 0 and 1, got -1",
    ),
    (
        "Network().several = {Dense(3)}",
        TypeError,
        "Network: expected layers in a list or dict, got a set",
    ),
    ("metrics.Mean().update_state(None)", TypeError, "mean: expected numbers as values, got None"),
    (
        "Dense(3, name='a\\0b')",
        ValueError,
        r"Dense: expected a name without '/' and NUL, got 'a\\x00b'",
    ),
    (
        "compiled().evaluate(iter([(ROWS[:0], ROWS[:0, :1])]))",
        ValueError,
        "batches: expected at least one sample in each, got none",
    ),
    (
        "compiled().fit([[1.0, 2.0], [3.0]], LABELS[:2])",
        ValueError,
        "x: expected samples of one shape, got several; bring the samples to one length",
    ),
    (
        "compiled().set_weights([ROWS])",
        ValueError,
        "set_weights: expected arrays for dense/kernel, dense/bias, got 1 arrays",
    ),
    (
        "compiled().set_weights([ROWS, ROWS])",
        ValueError,
        r"set_weights: expected shapes dense/kernel \(4, 1\), got \(8, 4\)",
    ),
    (
        "Dense(3).set_weights([ROWS])",
        ValueError,
        r"set_weights: expected arrays for no weights \(build the model first\), got 1 arrays",
    ),
    (
        "compiled().get_layer('conv')",
        ValueError,
        r"No such layer: .*Existing layers are: \['dense'\]",
    ),
    (
        "loss = (w * w).sum(); loss.backward(); loss.backward()",
        RuntimeError,
        r"backward: the graph was freed .*; compute the loss again",
    ),
    (
        "(w * w).backward()",
        ValueError,
        r"one element, got shape \(2,\); reduce it first, as in t.sum\(\).backward\(\)",
    ),
    (
        "Tensor(ROWS).sum().backward()",
        RuntimeError,
        r"does not depend on any tensor with requires_grad=True",
    ),
    (
        "optimizers.SGD(0.1, parameters=[w.detach()])",
        ValueError,
        "a leaf with requires_grad=True, got",
    ),
    (
        "optimizers.SGD(0.1).step()",
        ValueError,
        r"got none; write SGD\(learning_rate=\.\.\., parameters=\[\.\.\.\]\)",
    ),
    (
        "Embedding(10, 3)([[11]])",
        ValueError,
        "'embedding': expected integers from 0 to 9, got 11.0",
    ),
]


@pytest.mark.parametrize(("code", "kind", "message"), SLIPS, ids=[row[0] for row in SLIPS])
def test_a_slip_is_told_with_its_cure(code, kind, message, tmp_path, monkeypatch):
    w.grad = None
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=message) as caught:
        exec(code, globals() | {})
    assert kind in (type(caught.value), *type(caught.value).__bases__[:1])
    assert len(str(caught.value)) < 500  # no values of arrays


def test_the_table_is_long():
    assert len(SLIPS) >= 60


DOUBTS = [
    (
        "compiled(Dense(1, 'sigmoid'), losses.BinaryFocalCrossentropy(from_logits=True)).fit("
        "ROWS, LABELS % 2)",
        "binary_focal_crossentropy: expected logits, .* got the output of sigmoid",
    ),
    (
        "compiled(Dense(10, 'softmax'), losses.CategoricalFocalCrossentropy(from_logits=True)).fit("
        "ROWS, ONE_HOT)",
        "categorical_focal_crossentropy: expected logits, .* got the output of softmax",
    ),
    (
        "compiled(Dense(1, 'softmax')).fit(ROWS, LABELS)",
        "'dense': expected softmax over two or more units, got one; for two classes write sigmoid",
    ),
    (
        f"compiled(Dense(1), '{CATEGORICAL}').fit(ROWS, np.ones((8, 1)))",
        r"categorical_crossentropy: expected two or more classes, got one, .*Dense\(1, "
        r"activation='sigmoid'\)",
    ),
    (
        (
            "compiled(Dense(10, 'softmax'), "
            "losses.SparseCategoricalCrossentropy(from_logits=True)).fit(ROWS, LABELS)"
        ),
        "expected logits, as from_logits=True says, got the output of softmax; write "
        "from_logits=False",
    ),
    (
        (
            "compiled(Dense(1, 'sigmoid'), losses.BinaryCrossentropy(from_logits=True)).fit(ROWS, "
            "LABELS % 2)"
        ),
        "expected logits, .* got the output of sigmoid",
    ),
    (
        "losses.sparse_categorical_crossentropy([0], Tensor([[2.0, -3.0]]))",
        "expected probabilities, got negative numbers; end the model with softmax, or write "
        "from_logits=True",
    ),
    (
        f"compiled(Dense(10, 'sigmoid'), '{SPARSE}').fit(ROWS, LABELS)",
        "sparse_categorical_crossentropy: expected probabilities as the model's outputs, got rows "
        "that add up to .*, made by sigmoid; end the model with softmax, or write from_logits=True",
    ),
    (
        f"compiled(Dense(10, 'softplus'), '{CATEGORICAL}').fit(ROWS, ONE_HOT)",
        "categorical_crossentropy: .* got rows that add up to [^,]*; end the model with softmax",
    ),
    (
        "compiled(Dense(2, 'softmax'), 'bce').fit(ROWS, ONE_HOT[:, :2])",
        "binary_crossentropy: .* got the output of softmax; end the model with sigmoid, or take "
        "categorical_crossentropy",
    ),
    (
        "compiled(Dense(1, 'softplus'), 'bce').fit(10 * ROWS, LABELS % 2)",
        "binary_crossentropy: .* got numbers up to .*; end the model with sigmoid, or write from_",
    ),
    (
        "compiled().fit(np.where(ROWS == ROWS[2, 1], np.nan, ROWS), LABELS)",
        r"fit: expected a finite loss, got nan in epoch 1, step 1; x holds NaN or infinity in 1 of "
        r"8 samples; leave such samples out, or replace the numbers, as by np\.nan_to_num",
    ),
    (
        "compiled().fit(ROWS, np.where(LABELS > 5, np.inf, LABELS))",
        "fit: expected a finite loss, got inf in epoch 1, step 1; y holds NaN or infinity in 2 of",
    ),
    (
        "spoilt = own(lambda self, x: np.inf * x); "
        "compiled(Sequential([spoilt, Dense(1)])).fit(ROWS, LABELS)",
        "fit: .*; the first that is not finite is the output of layer 'own'; scale the inputs",
    ),
    (
        "nans = Dense(1, kernel_initializer=lambda shape, dtype: np.full(shape, np.nan)); "
        "compiled(nans).fit(ROWS, LABELS)",
        "fit: .* the first that is not finite is the weight 'kernel' of layer 'dense'; scale the",
    ),
    (
        "compiled().fit(1e12 * ROWS, LABELS, epochs=20)",
        "fit: expected a finite loss, got .*; the model's outputs have grown to .*; scale the "
        "inputs to about 1, try a smaller learning rate, or clipnorm=1.0 in the optimizer",
    ),
    (
        "compiled(loss=lambda y, p: np.inf + 0 * p[:, 0]).fit(ROWS, LABELS)",
        "fit: .*; all outputs of layers are finite, so the loss itself makes it; keep its log",
    ),
    (
        "losses.binary_crossentropy([0.0], Tensor([-3.0]))",
        "expected probabilities, got negative numbers; end the model with sigmoid",
    ),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of what is not finite
@pytest.mark.parametrize(("code", "message"), DOUBTS, ids=[row[0] for row in DOUBTS])
def test_what_is_hardly_meant_is_warned_of(code, message):
    with pytest.warns(UserWarning, match=message):
        exec(code, globals() | {})


@pytest.mark.parametrize(
    "code",
    [
        "compiled(Dense(10, 'softmax'), SPARSE).fit(ROWS, LABELS)",
        "compiled(Dense(1, 'sigmoid'), 'bce').fit(ROWS, LABELS % 2)",
        "compiled(Dense(3, 'sigmoid'), 'bce').fit(ROWS, ONE_HOT[:, :3])",
        "quarters = own(lambda self, x: 0 * x + 0.25); "
        "compiled(Sequential([Dense(4), quarters]), CATEGORICAL).fit(ROWS, ONE_HOT[:, :4])",
        "with np.errstate(invalid='ignore'): compiled().fit(ROWS, np.nan * LABELS)",
        "compiled(Dense(10), losses.SparseCategoricalCrossentropy(True)).fit(ROWS, LABELS)",
        "compiled(metrics=[metrics.MeanAbsoluteError, None]).fit(ROWS, ROWS[:, :1])",
        "compiled(loss=losses.MeanSquaredError).compile(optimizers.Adam, losses.Huber)",
        "Dense(3, kernel_initializer=initializers.HeNormal, activation=layers.ReLU)(ROWS)",
        "copy.copy(Dense(3)), copy.deepcopy(optimizers.Adam())",
    ],
)
def test_what_is_meant_is_not_warned_of(code):
    exec(code, globals() | {})


def test_an_unknown_attribute_of_a_layer_is_answered_by_python():
    with pytest.raises(AttributeError) as caught:
        Dense(3).unit  # noqa: B018
    assert (caught.value.name, type(caught.value.obj)) == ("unit", Dense)


# What is taken for a file of a model or of weights, and what it is then called.
WRONG_FILES = {
    "a PNG picture": b"\x89PNG\r\n\x1a\n" + bytes(99),
    "a text": b"epoch 1: loss 0.5\n",
    "an empty file": b"",
    "a file of PyTorch; read its arrays there, and set_weights here": b"\x80\x02\x8a\nl\xfc\x9cF",
    "a pickle of Python; load it there, and set_weights": pickle.dumps([1, 2]),
    "a page of HTML or XML, as of a download that failed": b"<!DOCTYPE html>\n<html>",
    "a note of Git LFS in place of the file; run `git lfs pull`": b"version https://git-lfs.git",
}


@pytest.mark.parametrize("name", ["m.keras", "m.npz", "m.weights.h5", "m.pt"])
@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_file_of_something_else_is_told_by_its_kind(kind, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(WRONG_FILES[kind])
    if name.endswith(".h5"):
        pytest.importorskip("h5py")
    if name == "m.keras":
        with pytest.raises(ValueError, match=rf"expected an intact .* got {name}, {kind}: "):
            models.load_model(name)
    with pytest.raises(ValueError, match=rf"expected .* got .*{name}'?, {kind}"):
        compiled().load_weights(name)


def test_a_folder_of_tensorflow_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").touch()
    expected = "got a SavedModel folder of TensorFlow; save as .keras or .weights.h5 there at model"
    with pytest.raises(FileNotFoundError, match=expected):
        models.load_model("model")
    with pytest.raises(ValueError, match="'model', a SavedModel folder of TensorFlow; save as"):
        compiled().load_weights("model")
