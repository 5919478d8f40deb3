"""minigrad as a contender, as a user would write it. See also keras_style.py."""

import functools
import itertools

import numpy as np

import minigrad
from benchmarks import inputs, keras_style, networks
from benchmarks.measure import Task, repeat
from minigrad import Parameter, Tensor, ops, optimizers


def configure(threads):
    minigrad.set_num_threads(threads)
    return f"minigrad {minigrad.__version__}"


def loss_and_gradients(model, x, y):
    loss = model.compute_loss(x, y, model(x, training=True))
    loss.backward()
    gradients = [weight.grad for weight in model.trainable_weights]
    for weight in model.trainable_weights:
        weight.grad = None
    return loss, *gradients


def step(variant, optimizer, batch, rate):
    x, y = inputs.digits(inputs.BATCHES * batch)
    batches = inputs.batches(x, y, batch)
    model = keras_style.build(minigrad, optimizer, rate)
    runs = {
        "train_on_batch": inputs.looped(model.train_on_batch, batches, float),
        "fit": keras_style.fitted(model, x, y, batch),
    }
    return Task(runs, lambda: loss_and_gradients(model, *batches[0]))


def network(variant, name, rate):
    x, y = networks.images(name)
    batch = len(x) // networks.BATCHES
    model = keras_style.network(minigrad, name, rate)
    run = keras_style.fitted(model, x, y, batch)

    def check():
        loss, *gradients = loss_and_gradients(model, x[:batch], y[:batch])
        return [loss, *networks.compared(name, gradients)]

    return Task({"fit": run}, check)


def epoch(variant, images):
    if not variant:
        return keras_style.epoch(minigrad, images, {"fit": {}})
    batches = inputs.batches(*inputs.digits(images), 60)
    model = keras_style.build(minigrad)

    def bare_steps():
        for batch in batches:
            loss, *gradients = loss_and_gradients(model, *batch)
            model.optimizer.apply(gradients, model.trainable_weights)
        loss.item()

    return Task({variant: repeat(bare_steps)})


def inference(variant, **options):
    return keras_style.inference(minigrad, ways={"": {}}, **options)


def operation(variant, name, shapes, positive=False, classes=None, **options):
    tensors = [Tensor(array, requires_grad=True) for array in inputs.arrays(shapes, positive)]
    constants = [] if classes is None else [inputs.labels(shapes[0][0], classes)]
    seeds = itertools.count()

    def forward():
        seed = {"seed": next(seeds)} if name == "dropout" else {}
        y = getattr(ops, name)(*tensors, *constants, **options, **seed)
        return y[0] if name == "batch_norm" else y  # the others are the batch's mean and variance

    gy = inputs.upstream(forward().shape)

    def once():
        y = forward()
        y.backward(gy)
        gradients = [tensor.grad for tensor in tensors]
        for tensor in tensors:
            tensor.grad = None
        return y, *gradients

    return Task({"eager": repeat(once)}, once)


def chain(variant, length):
    x, scale, shift = map(Tensor, inputs.chain())
    x.requires_grad = True
    ones = np.ones(8, np.float32)

    def once():
        x.grad = None
        y = x
        for _ in range(length // 2):
            y = y * scale + shift
        y.backward(ones)
        return [x.grad]

    return Task({"eager": repeat(once)}, once)


def optimizer(variant, rule, size, count):
    weights, gradients = inputs.parameters(size, count)
    before = np.concatenate(weights)
    weights = [Parameter(w, path=f"w{i}") for i, w in enumerate(weights)]
    rule = {"momentum": optimizers.SGD(momentum=0.9)}.get(rule) or optimizers.get(rule)
    run = repeat(functools.partial(rule.apply, gradients, weights))

    def check():
        run(3)
        return [np.concatenate([weight.numpy() for weight in weights]) - before]

    return Task({"apply": run}, check)


def job(seed, variant):
    return keras_style.job(minigrad, seed)
