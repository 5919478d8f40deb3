"""What a model has for files: its config, and methods that save it and read its weights."""

import importlib
import inspect
import warnings

from minigrad.saving import weights
from minigrad.utils.arguments import told
from minigrad.utils.config import Configured, custom_object_scope, deserialize, serialize


class Savable(Configured):
    """What ``Model`` is written to files, and made from them, with."""

    _objectives = None  # made by ``compile``
    _graph = None

    # --- configs ---------------------------------------------------------------------------------

    def get_config(self):
        """Return a dict from which ``from_config`` makes a model like this one, with new weights.

        Of a model made from Symbols it describes the graph; of any other, it has the arguments of
        the constructor.
        """
        config = super().get_config()
        if self._graph is not None:
            from minigrad.saving.graph_config import write_graph  # only here: few models need it

            config |= write_graph(self._graph)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Make a model from what ``get_config`` returned.

        Parameters
        ----------
        config : dict
        custom_objects : dict from str to class or function, optional
            What the config may name besides minigrad's own and what is registered.
        """
        with custom_object_scope(custom_objects):
            if "input_layers" not in config:
                return super().from_config(config)
            from minigrad.saving.graph_config import read_graph

            inputs, outputs = read_graph(config)
            graph = ("layers", "input_layers", "output_layers")
            rest = {key: value for key, value in config.items() if key not in graph}
            return super().from_config(rest | {"inputs": inputs, "outputs": outputs})

    def to_json(self, **options):
        """Return the model's description as JSON, for ``models.model_from_json``.

        ``options`` are those of ``json.dumps``.
        """
        import json  # only here and in containers

        described = serialize(self)
        described.pop("compile_config", None)
        return json.dumps(described, **options)

    def get_compile_config(self):
        """Return the arguments of ``compile`` as plain Python, or None before it."""
        told = self._objectives
        if told is None:
            return None
        metrics, weighted_metrics = told.given_metrics
        arguments = {
            "optimizer": self.optimizer, "loss": told.loss, "loss_weights": told.loss_weights,
            "metrics": metrics, "weighted_metrics": weighted_metrics, "run_eagerly": False,
            "steps_per_execution": 1, "jit_compile": "auto",
        }  # fmt: skip
        return serialize(arguments, "compile")

    def compile_from_config(self, config):
        """Compile as ``get_compile_config`` says; a built model's optimizer is built too.

        A class with a ``compile`` of its own is left as it is, with a warning, as in Keras.
        """
        if not type(self).compile.__module__.startswith("minigrad."):
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's "
                "`compile()` method is custom. Call it, or write get_compile_config and "
                f"compile_from_config in {type(self).__name__}",
                stacklevel=2,
            )
            return
        known = inspect.signature(self.compile).parameters
        self.compile(**{k: v for k, v in deserialize(config).items() if k in known})
        if self.optimizer is not None and self.trainable_weights:
            self.optimizer.build(self.trainable_weights)

    # --- files -----------------------------------------------------------------------------------

    @told
    def save(self, filepath, overwrite=True, zipped=None, **options):
        """Write the whole model into a file: see ``saving.save_model``."""
        from minigrad.saving import save_model

        save_model(self, filepath, overwrite, zipped, **options)

    @told
    def export(self, filepath, format="onnx", verbose=None, input_signature=None, **options):
        """Write the model's forward pass, in inference, for other programs: as an ONNX file.

        Parameters
        ----------
        filepath : str or path
            Ends in ".onnx". The file appears whole or not at all.
        format : {"onnx"}
        verbose : bool, optional
            Whether to print where it is. Default: no.
        input_signature : None
            ``Input`` declares the inputs; the batch has any size.
        **options
            ``opset_version``, an int: see ``interop.export_onnx``.
        """
        unknown = [name for name in options if name != "opset_version"]
        for name, fits, got in (
            ("format 'onnx'", format == "onnx", repr(format)),
            ("input_signature None: Input declares it", input_signature is None, input_signature),
            ("no option but opset_version", not unknown, unknown),
        ):
            if not fits:
                raise ValueError(f"export: expected {name}, got {got}")
        write = importlib.import_module("minigrad.interop").export_onnx  # it needs models
        write(self, filepath, **options)
        if verbose:
            print(f"Saved artifact at '{filepath}'.")

    @told
    def save_weights(self, filepath, overwrite=True):
        """Write the weights to a file that ends in ".npz", ".weights.h5" or ".safetensors".

        A compiled model's optimizer state is written too.
        """
        weights.save_weights(self, filepath, overwrite)

    @told
    def load_weights(self, filepath, skip_mismatch=False):
        """Read the weights from such a file: all of them, or raise an error and change none.

        The state of the optimizer is restored too, if the model is compiled and it fits.

        Parameters
        ----------
        filepath : str or path
        skip_mismatch : bool
            Load what fits and warn about the rest.
        """
        weights.load_weights(self, filepath, skip_mismatch)

    def weights_hash(self):
        """Return SHA-256 over keys, types, shapes and values of the weights, as 64 hex digits.

        Two models have the same if and only if they have the same weights, bit for bit, in the same
        places. The names of layers do not count.
        """
        return weights.hash_weights(self)
