"""What each layer of a model makes of one sample."""

import numpy as np

from minigrad.models import Model


def feature_maps(model, sample):
    """Return what each layer makes of a sample, a dict from the layer's name to an array.

    Parameters
    ----------
    model : Model
        A Sequential, or one made from Symbols; layers within layers are not opened.
    sample : array_like
        Without an axis of samples: (28, 28, 1) for a digit.

    Returns
    -------
    dict from str to array
        In the order of the layers, each without an axis of samples.

    Raises
    ------
    ValueError
        If the model is of another kind, or the sample's shape is not that of its input.
    """
    if not getattr(model, "layers", None) or getattr(model, "inputs", None) is None:
        cure = "for one of another kind, call its layers one by one"
        fault = f"a built Sequential, or a Model(inputs, outputs), got {type(model).__name__}"
        raise ValueError(f"feature_maps: expected {fault}; {cure}")
    outputs = {layer.name: layer.output for layer in model.layers}
    found = Model(model.inputs, outputs).predict(np.asarray(sample)[np.newaxis], verbose=0)
    return {name: found[name][0] for name in outputs}
