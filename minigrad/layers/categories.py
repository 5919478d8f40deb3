"""Numbers and texts as categories: ranges, places in a vocabulary, rows of zeros and ones.

They have no weights and no gradients. What they find are whole numbers, in Tensors of floats as
everywhere; `Embedding` and `CategoryEncoding` take them.
"""

import collections

import numpy as np

from minigrad.core import Tensor
from minigrad.layers.base import Layer
from minigrad.symbolic import is_symbolic
from minigrad.utils.arguments import checked_number
from minigrad.utils.pipelines import as_batch, batches_of

ROWS = ("one_hot", "multi_hot", "count")


class Categories(Layer):
    """What the layers of this file have in common: the form in which they give categories.

    Parameters
    ----------
    output_mode : {"int", "one_hot", "multi_hot", "count"}
        The numbers themselves. A row for each number: (N, ...) -> (N, ..., depth), or of (N, 1)
        (N, depth). A row for each sample, with ones for the numbers it has, or how often it has
        them: (N, T) -> (N, depth).
    sparse : False
    **kwargs
        As for ``Layer``.
    """

    unsaved = ("modes",)

    def __init__(self, output_mode, sparse=False, modes=("int", *ROWS), **kwargs):
        super().__init__(**kwargs)
        if sparse:
            raise self._error("sparse=False: minigrad has no sparse tensors", sparse)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        if output_mode not in modes:
            raise self._error(f"output_mode one of {modes}", output_mode)
        self.output_mode = output_mode
        self.sparse = sparse

    @property
    def depth(self):
        """The number of categories."""
        raise NotImplementedError(f"{type(self).__name__}: depth is missing")

    def encode(self, numbers, weights=None):
        """Return a Tensor of categories (N, ...) in the form of ``output_mode``; −1 is none.

        Parameters
        ----------
        numbers : int64 array (N, ...)
        weights : array of the same shape, optional
            What each number counts.
        """
        if self.output_mode == "int":
            return Tensor(numbers, dtype=self.dtype)
        outside = numbers[(numbers < -1) | (numbers >= self.depth)]
        if outside.size:
            raise self._error(f"numbers from 0 to {self.depth - 1}", outside[0].item())
        if self.output_mode == "one_hot":
            numbers = numbers[..., 0] if numbers.ndim > 1 and numbers.shape[-1] == 1 else numbers
            numbers = numbers[..., None]  # as many sets of one number
        elif numbers.ndim > 1:
            numbers = np.moveaxis(numbers, 1, -1)
        # The last column is for what is left out.
        rows = np.zeros((*numbers.shape[:-1], self.depth + 1), self.dtype)
        if self.output_mode == "count":
            weights = 1 if weights is None else np.moveaxis(weights, min(1, weights.ndim - 1), -1)
            flat = rows.reshape(-1, self.depth + 1)
            owners = np.arange(len(flat)).reshape(*numbers.shape[:-1], 1)
            np.add.at(flat, (owners, numbers), weights)
        else:
            np.put_along_axis(rows, numbers, 1, -1)
        return Tensor(rows[..., :-1])

    def compute_output_shape(self, input_shape):
        N, *others = input_shape
        if self.output_mode == "int":
            return tuple(input_shape)
        if self.output_mode == "one_hot":
            return (N, *(others[:-1] if others[-1:] == [1] else others), self.depth)
        return (N, *others[1:], self.depth) if others else (self.depth,)

    def values_of(self, x):
        """The values in a Tensor, which must not ask for gradients: there are none."""
        if x.requires_grad:
            raise self._error("an input without gradients", x, cure="; write x.detach()")
        return x.data

    def whole_numbers_of(self, x):
        """The whole numbers in a Tensor, as int64."""
        values = self.values_of(x)
        numbers = values.astype(np.int64)
        if (numbers != values).any():
            raise self._error("whole numbers", values[numbers != values][0].item())
        return numbers


class CategoryEncoding(Categories):
    """Rows of zeros and ones for whole numbers from 0 to ``num_tokens − 1``.

    Parameters
    ----------
    num_tokens : int
    output_mode : {"multi_hot", "one_hot", "count"}
        See ``Categories``. A call in the mode "count" takes ``count_weights``, of the input's
        shape: what each number counts.
    sparse : False
    **kwargs
        As for ``Layer``.
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(output_mode, sparse, ROWS, **kwargs)
        self.num_tokens = self._check_int("num_tokens", num_tokens)

    @property
    def depth(self):
        return self.num_tokens

    def call(self, x, count_weights=None):
        if count_weights is not None and self.output_mode != "count":
            raise self._error("no count_weights without output_mode 'count'", count_weights)
        numbers = self.whole_numbers_of(x)
        if (numbers < 0).any():
            raise self._error(f"numbers from 0 to {self.depth - 1}", numbers.min().item())
        weights = None if count_weights is None else np.asarray(count_weights, self.dtype)
        return self.encode(numbers, weights)


class Discretization(Categories):
    """The number of the range in which each value is; a boundary belongs to the range above it.

    Parameters
    ----------
    bin_boundaries : list of float, optional
        In ascending order; n boundaries make n + 1 ranges.
    num_bins : int, optional
        Instead: how many ranges ``adapt(data)`` makes, which hold equally many of its values.
    epsilon : float
        How exactly, as a part of the data.
    output_mode, sparse
        See ``Categories``.
    dtype, name
        As for ``Layer``.
    """

    def __init__(
        self, bin_boundaries=None, num_bins=None, epsilon=0.01, output_mode="int", sparse=False,
        dtype=None, name=None,
    ):  # fmt: skip
        super().__init__(output_mode, sparse, dtype=dtype, name=name)
        if (bin_boundaries is None) == (num_bins is None):
            got = f"{bin_boundaries} and {num_bins}"
            raise self._error("bin_boundaries or num_bins, one of them", got)
        self.num_bins = None if num_bins is None else self._check_int("num_bins", num_bins)
        self.epsilon = checked_number(self, "epsilon", epsilon, "(0, 1)")
        self.bin_boundaries = None
        if bin_boundaries is not None:
            self.bin_boundaries = [float(value) for value in bin_boundaries]
            if sorted(self.bin_boundaries) != self.bin_boundaries:
                raise self._error("bin_boundaries in ascending order", bin_boundaries)

    @classmethod
    def from_config(cls, config):
        """Make a layer from a config, in which both are set if ``adapt`` found the boundaries."""
        found = config.get("num_bins") and config.get("bin_boundaries")
        layer = super().from_config(config | {"bin_boundaries": None} if found else config)
        layer.bin_boundaries = found or layer.bin_boundaries
        return layer

    @property
    def depth(self):
        return self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1

    def adapt(self, data, steps=None):
        """Take the boundaries from data, an array or batches; forget old ones.

        Values and how many each stands for are kept to ``epsilon``: of n values, every n · epsilon.

        Parameters
        ----------
        data : array_like, or an iterable of such batches
        steps : int, optional
            How many batches.
        """
        if self.num_bins is None:
            raise self._error("num_bins, where adapt finds the boundaries", self.bin_boundaries)
        kept = np.zeros((2, 0), "float32")
        for batch in batches_of(data, steps):
            values = np.sort(np.asarray(batch, "float32"), axis=None)
            step = max(len(values) * self.epsilon, 1)
            values = values[int(step - 1) :: int(step)]
            both = np.concatenate([[values, np.full_like(values, step)], kept], axis=1)
            kept = _thin_out(both[:, np.argsort(both[0])], self.epsilon)
        if kept.shape[1] == 0:
            raise self._error("data of at least one value", data)
        self.bin_boundaries = _thin_out(kept, 1 / self.num_bins)[0, :-1].tolist()

    def call(self, x):
        if self.bin_boundaries is None:
            raise self._error("adapt(data) before the first call", "none", RuntimeError)
        return self.encode(np.digitize(self.values_of(x), np.asarray(self.bin_boundaries, x.dtype)))


class Lookup(Categories):
    """The places of tokens in a vocabulary, which is given or found by ``adapt``.

    Parameters
    ----------
    max_tokens : int, optional
        The size of the vocabulary at most, with what is not a token.
    num_oov_indices : int
        Places for unknown tokens. With 0 they are an error.
    mask_token : token, optional
        Becomes 0 in the mode "int", and is left out otherwise.
    oov_token : token
        What stands at the place of unknown tokens.
    vocabulary : list of tokens or str, optional
        The tokens, or the path of a file with one a line.
    invert : bool
        Whether to return the tokens at the places that are given instead, as an array.
    output_mode, sparse
        See ``Categories``.
    pad_to_max_tokens : bool
        Whether rows have ``max_tokens`` columns, however many tokens there are.
    idf_weights, salt : None
        Not there.
    **kwargs
        As for ``Layer``.
    """

    # each subclass has the type of its tokens, as `token_type`

    def _keep_settings(
        self, max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, invert,
        pad_to_max_tokens, idf_weights, salt,
    ):  # fmt: skip
        for name, value in (("idf_weights", idf_weights), ("salt", salt)):
            if value is not None:
                raise self._error(f"{name}=None", value)
        if invert and self.output_mode != "int":
            raise self._error("output_mode 'int' with invert=True", self.output_mode)
        if pad_to_max_tokens and max_tokens is None:
            raise self._error("max_tokens with pad_to_max_tokens=True", None)
        self.max_tokens = max_tokens
        if max_tokens is not None and self._check_int("max_tokens", max_tokens) < 2:
            raise self._error("max_tokens of at least 2", max_tokens)
        if not isinstance(num_oov_indices, int) or num_oov_indices < 0:
            raise self._error("num_oov_indices of at least 0", num_oov_indices)
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.pad_to_max_tokens = pad_to_max_tokens
        self.idf_weights = self.salt = None
        self.vocabulary = None
        self._is_given = vocabulary is not None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    @property
    def depth(self):
        return self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()

    def _special(self):
        """What stands before the tokens."""
        masks = [] if self.mask_token is None or self.output_mode != "int" else [self.mask_token]
        return masks + [self.oov_token] * self.num_oov_indices

    @classmethod
    def from_config(cls, config):
        if isinstance(config.get("vocabulary"), str):  # a config may be a stranger's
            expected = "a config with the tokens, and no file that they are in"
            raise ValueError(f"{cls.__name__}: expected {expected}, got {config['vocabulary']!r}")
        return super().from_config(config)

    def set_vocabulary(self, vocabulary):
        """Use these tokens, a list or the path of a file; with or without the special ones."""
        if isinstance(vocabulary, str):
            with open(vocabulary, encoding="utf-8") as file:
                vocabulary = file.read().splitlines()
        tokens, special = np.asarray(vocabulary, self.token_type).tolist(), self._special()
        if special and tokens[: len(special)] == special:
            tokens = tokens[len(special) :]
        repeated = [token for token, count in collections.Counter(tokens).items() if count > 1]
        if not tokens or repeated or self.mask_token in tokens:
            expected = "a vocabulary of different tokens, without mask_token among them"
            raise self._error(expected, repeated or tokens)
        if self.max_tokens is not None and len(special) + len(tokens) > self.max_tokens:
            expected = f"a vocabulary of max_tokens={self.max_tokens} at most"
            raise self._error(expected, f"{len(special) + len(tokens)}")
        self.vocabulary = tokens
        self._places = {token: place for place, token in enumerate(tokens, len(special))}

    def get_vocabulary(self, include_special_tokens=True):
        """Return the list of tokens, in the order of their places."""
        return (self._special() if include_special_tokens else []) + (self.vocabulary or [])

    def vocabulary_size(self):
        """Return the number of places, those of special tokens too."""
        return len(self.get_vocabulary())

    def adapt(self, data, steps=None):
        """Take the tokens from data, an array or batches: the most frequent ones first.

        Parameters
        ----------
        data : array_like, or an iterable of such batches
        steps : int, optional
            How many batches.
        """
        if self._is_given:
            raise self._error("no vocabulary, where adapt finds it", self.vocabulary)
        counts = collections.Counter()
        for batch in batches_of(data, steps):
            counts.update(np.asarray(batch, self.token_type).ravel().tolist())
        for token in (self.mask_token, self.oov_token):
            counts.pop(token, None)
        tokens = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if self.max_tokens is not None:
            tokens = tokens[: self.max_tokens - len(self._special())]
        self.set_vocabulary(tokens)

    def __call__(self, x, **options):
        if is_symbolic(x) or (isinstance(x, Tensor) and not self.invert):
            return super().__call__(x, **options)
        # Texts and large numbers do not fit into tensors.
        kind = np.int64 if self.invert else self.token_type
        return self._look_up(np.asarray(x, kind))

    def call(self, x):
        if self.token_type is not np.int64 and not self.invert:
            cure = "; call the layer on the data, before the model"
            raise self._error("an array of texts", x, TypeError, cure)
        return self._look_up(self.whole_numbers_of(x))

    def _look_up(self, tokens):
        if self.vocabulary is None:
            cure = "; give vocabulary=, or call adapt(data)"
            raise self._error("a vocabulary before the first call", None, RuntimeError, cure)
        if self.invert:
            words = np.array([*self.get_vocabulary(), self.oov_token])
            inside = (tokens >= 0) & (tokens < len(words) - 1)
            return as_batch(words[np.where(inside, tokens, -1)])
        found, inverse = np.unique(tokens, return_inverse=True)
        places = np.array([self._place(token) for token in found.tolist()], np.int64)
        return self.encode(places[inverse].reshape(tokens.shape))

    def _place(self, token):
        if self.mask_token is not None and token == self.mask_token:
            return 0 if self.output_mode == "int" else -1
        if token in self._places:
            return self._places[token]
        if self.num_oov_indices == 0:
            raise self._error("tokens of the vocabulary, or num_oov_indices=1", token)
        first = len(self._special()) - self.num_oov_indices
        return first + (token % self.num_oov_indices if self.num_oov_indices > 1 else 0)


class IntegerLookup(Lookup):
    """The places of whole numbers in a vocabulary. Arguments: see ``Lookup``.

    Unknown numbers go to the place ``number % num_oov_indices``.
    """

    token_type = np.int64

    def __init__(
        self, max_tokens=None, num_oov_indices=1, mask_token=None, oov_token=-1, vocabulary=None,
        vocabulary_dtype="int64", idf_weights=None, invert=False, output_mode="int", sparse=False,
        pad_to_max_tokens=False, oov_method="floormod", salt=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(output_mode, sparse, name=name, **kwargs)
        for argument, value, only in (
            ("vocabulary_dtype", vocabulary_dtype, "int64"),
            ("oov_method", oov_method, "floormod"),
        ):
            if value != only:
                raise self._error(f"{argument} {only!r}", value)
        self.vocabulary_dtype = vocabulary_dtype
        self.oov_method = oov_method
        self._keep_settings(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, invert,
            pad_to_max_tokens, idf_weights, salt,
        )  # fmt: skip


class StringLookup(Lookup):
    """The places of texts in a vocabulary. Arguments: see ``Lookup``.

    It is called on arrays of texts: a model cannot hold it, as tensors have no texts.
    """

    token_type = np.str_

    def __init__(
        self, max_tokens=None, num_oov_indices=1, mask_token=None, oov_token="[UNK]",
        vocabulary=None, idf_weights=None, invert=False, output_mode="int",
        pad_to_max_tokens=False, sparse=False, encoding="utf-8", name=None, salt=None, **kwargs,
    ):  # fmt: skip
        super().__init__(output_mode, sparse, name=name, **kwargs)
        if encoding != "utf-8":
            raise self._error("encoding 'utf-8'", encoding)
        self.encoding = encoding
        if num_oov_indices not in (0, 1):
            raise self._error("num_oov_indices 0 or 1: texts are not hashed", num_oov_indices)
        self._keep_settings(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, invert,
            pad_to_max_tokens, idf_weights, salt,
        )  # fmt: skip


def _thin_out(summary, part):
    """Keep values at equal distances in weight: (values, weights) (2, n) -> (2, 1 / part)."""
    values, weights = summary
    if len(values) * part < 1:
        return summary
    total = weights.cumsum()
    shares = part + np.arange(0.0, 1.0, part)
    values, total = (np.interp(shares, total / total[-1], a) for a in (values, total))
    return np.stack([values, np.diff(total, prepend=0)]).astype("float32")
