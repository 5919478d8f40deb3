"""Keras on TensorFlow as a contender; single operations are TensorFlow's in a `tf.function`.

See also keras_style.py.
"""

import functools

import keras
import tensorflow as tf

from benchmarks import inputs, keras_style, networks
from benchmarks.measure import Task, repeat

JIT = (False, True)


def configure(threads):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return f"keras {keras.__version__} on tensorflow {tf.__version__}"


def loss_and_gradients(model, x, y):
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, y, model(x, training=True))
    return loss, *tape.gradient(loss, model.trainable_variables)


def own_step(model, jit):
    """Return a hand-written training step without the overhead of Keras's own."""
    model.optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=jit)
    def train(x, y):
        loss, *gradients = loss_and_gradients(model, x, y)
        model.optimizer.apply(gradients, model.trainable_variables)
        return loss

    return train


def step(variant, optimizer, batch, rate):
    x, y = inputs.digits(inputs.BATCHES * batch)
    batches = [tuple(map(tf.constant, pair)) for pair in inputs.batches(x, y, batch)]

    start = functools.partial(keras_style.build, keras, optimizer, rate)
    runs = {}
    for jit in JIT:
        train = start(jit_compile=jit).train_on_batch
        runs[f"train_on_batch, jit {jit}"] = inputs.looped(train, batches, float)
        train = own_step(start(), jit)
        runs[f"tf.function, jit {jit}"] = inputs.looped(train, batches, float)
    for steps in (10, inputs.BATCHES):  # XLA makes dropout ten times slower: not for whole epochs
        fit = keras_style.fitted(start(jit_compile=False, steps_per_execution=steps), x, y, batch)
        runs[f"fit, steps_per_execution {steps}, jit False"] = fit
    return Task(runs, lambda: tf.function(loss_and_gradients)(start(), *batches[0]))


def network(variant, name, rate):
    x, y = networks.images(name)
    batch = len(x) // networks.BATCHES
    start = functools.partial(keras_style.network, keras, name, rate)
    runs = {}
    for jit in JIT:
        for steps in (1, networks.BATCHES):
            model = start(jit_compile=jit, steps_per_execution=steps)
            run = keras_style.fitted(model, x, y, batch)
            runs[f"fit, steps_per_execution {steps}, jit {jit}"] = run

    def check():
        pair = tf.constant(x[:batch]), tf.constant(y[:batch])
        loss, *gradients = tf.function(loss_and_gradients)(start(), *pair)
        return [loss, *networks.compared(name, gradients)]

    return Task(runs, check)


def epoch(variant, images):
    options = [{"steps_per_execution": steps, "jit_compile": False} for steps in (1, 20)]
    return keras_style.epoch(keras, images, {f"fit, {chosen}": chosen for chosen in options})


def inference(variant, **options):
    ways = {f", jit {jit}": {"jit_compile": jit} for jit in JIT}
    task = keras_style.inference(keras, ways=ways, **options)
    if options["images"] == 1:
        model, image = keras_style.build(keras), tf.constant(inputs.digits(1)[0])
        for jit in JIT:
            call = tf.function(functools.partial(model, training=False), jit_compile=jit)
            task.runs[f"tf.function, jit {jit}"] = repeat(lambda call=call: call(image).numpy())
    return task


def conv2d(x, w, b, strides=1, padding="valid", dilation_rate=1, groups=1):
    return tf.nn.conv2d(x, w, strides, padding.upper(), dilations=dilation_rate) + b


def batch_norm(x, gamma, beta, epsilon):
    return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon)[0]


def softmax_cross_entropy(logits, labels):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


OPERATIONS = {  # with another name or other arguments in TensorFlow
    "conv2d": conv2d,
    "dense": lambda x, w, b: tf.matmul(x, w) + b,
    "max_pool2d": lambda x, pool_size: tf.nn.max_pool2d(x, pool_size, pool_size, "VALID"),
    "avg_pool2d": lambda x, pool_size: tf.nn.avg_pool2d(x, pool_size, pool_size, "VALID"),
    "batch_norm": batch_norm,
    "softmax_cross_entropy": softmax_cross_entropy,
    "mul": tf.multiply,
    "div": tf.divide,
}


def operation(variant, name, shapes, positive=False, classes=None, **options):
    function = OPERATIONS.get(name) or getattr(tf.nn, name, None) or getattr(tf.math, name)
    arrays = [tf.constant(array) for array in inputs.arrays(shapes, positive)]
    constants = [] if classes is None else [tf.constant(inputs.labels(shapes[0][0], classes))]
    gy = tf.constant(inputs.upstream(function(*arrays, *constants, **options).shape))

    def both_ways(arrays, gy):
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            y = function(*arrays, *constants, **options)
        return y, *tape.gradient(y, arrays, gy)

    compiled = {jit: tf.function(both_ways, jit_compile=jit) for jit in JIT}
    once = {f"tf.function, jit {j}": functools.partial(f, arrays, gy) for j, f in compiled.items()}
    return Task({way: repeat(f) for way, f in once.items()}, lambda: both_ways(arrays, gy))


def job(seed, variant):
    return keras_style.job(keras, seed, steps_per_execution=10, jit_compile=False)
