"""Methods of Keras 1 and 2 that are called otherwise now; each warns and names the new way."""

import math
import warnings

import numpy as np

from minigrad.utils.arguments import explain_arguments


class OldMethods:
    """What ``Trainer`` answers to besides ``fit``, ``evaluate`` and ``predict``."""

    @explain_arguments
    def fit_generator(
        self, generator, steps_per_epoch=None, epochs=1, verbose="auto", callbacks=None,
        validation_data=None, samples_per_epoch=None, nb_val_samples=None, **options,
    ):  # fmt: skip
        """Train on batches: ``fit(generator, ...)``, where options are those of ``fit``.

        Keras 1's ``samples_per_epoch`` and ``nb_val_samples`` counted samples. They are understood
        where the generator has a ``batch_size``.
        """
        _warn("fit_generator", "fit(generator, ...)")
        if samples_per_epoch is not None:
            name, new = "samples_per_epoch", "steps_per_epoch"
            steps_per_epoch = _steps(name, new, samples_per_epoch, generator)
        if nb_val_samples is not None:
            name, new = "nb_val_samples", "validation_steps"
            options[new] = _steps(name, new, nb_val_samples, validation_data)
        return self.fit(
            generator, steps_per_epoch=steps_per_epoch, epochs=epochs, verbose=verbose,
            callbacks=callbacks, validation_data=validation_data, **options,
        )  # fmt: skip

    @explain_arguments
    def evaluate_generator(self, generator, steps=None, callbacks=None, **options):
        """Evaluate on batches: ``evaluate(generator, steps=steps)``."""
        _warn("evaluate_generator", "evaluate(generator, ...)")
        return self.evaluate(generator, steps=steps, callbacks=callbacks, **options)

    @explain_arguments
    def predict_generator(self, generator, steps=None, callbacks=None, **options):
        """Predict batches: ``predict(generator, steps=steps)``."""
        _warn("predict_generator", "predict(generator, ...)")
        return self.predict(generator, steps=steps, callbacks=callbacks, **options)

    @explain_arguments
    def predict_proba(self, x, batch_size=None, verbose=0):
        """Predict probabilities: ``predict(x)``."""
        _warn("predict_proba", "predict(x)")
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    @explain_arguments
    def predict_classes(self, x, batch_size=None, verbose=0):
        """Predict classes: of the largest of several outputs, or whether the only one is > 0.5."""
        several, one = "predict(x).argmax(axis=-1)", '(predict(x) > 0.5).astype("int32")'
        outputs = self.predict(x, batch_size=batch_size, verbose=verbose)
        is_one = outputs.shape[-1] == 1
        _warn("predict_classes", one if is_one else several)
        return (outputs > 0.5).astype("int32") if is_one else np.argmax(outputs, axis=-1)


def _warn(old, new):
    warnings.warn(f"{old} is an old name; write {new}", FutureWarning, stacklevel=4)


def _steps(old, new, samples, generator):
    """How many batches hold this many samples."""
    batch_size = getattr(generator, "batch_size", None)
    if batch_size is None:
        cure = f"write {new}=samples // batch_size in place of {old}={samples}"
        raise ValueError(f"fit_generator: expected the number of batches, got samples; {cure}")
    steps = math.ceil(samples / batch_size)
    warnings.warn(f"{old} counts samples; write {new}={steps}", FutureWarning, stacklevel=4)
    return steps
