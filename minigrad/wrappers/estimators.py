"""A classifier, a regressor and a transformer of scikit-learn, each around a model."""

import numpy as np

from minigrad.models import Model
from minigrad.saving.cloning import clone_model
from minigrad.utils.arrays import one_hot

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as absence:
    text = "minigrad.wrappers: estimators need scikit-learn 1.6 or later; pip install scikit-learn"
    raise ImportError(text) from absence


class _Estimator(BaseEstimator):
    """Base of the three: a model that is made and trained by ``fit``.

    Parameters
    ----------
    model : Model or callable
        A compiled model, of which each ``fit`` trains a copy with new weights; or a function
        ``model(X, y, **model_kwargs)`` that returns a compiled model, and is given what the model
        will be trained on, to choose its shapes by.
    warm_start : bool
        Whether ``fit`` trains the model of the last ``fit`` on, and a given model itself.
    model_kwargs : dict, optional
        Arguments for the function.
    fit_kwargs : dict, optional
        Arguments for ``Model.fit``, such as ``{"epochs": 5, "verbose": 0}``.

    Attributes
    ----------
    model_ : Model
        The trained model.
    history_ : History
        What its ``fit`` returned.
    n_features_in_, feature_names_in_
        As of scikit-learn's own estimators.
    """

    def __init__(self, model, warm_start=False, model_kwargs=None, fit_kwargs=None):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # weights and batches are drawn
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags

    def fit(self, X, y, **kwargs):
        """Train.

        Parameters
        ----------
        X : array_like or SciPy sparse matrix (n, features), or array_like (n, ...)
        y : array_like (n,), or (n, outputs) but for a classifier
        **kwargs
            Arguments for ``Model.fit``, which come before those of ``fit_kwargs``.

        Returns
        -------
        this estimator

        Raises
        ------
        ValueError
            If the data are not of these shapes, or NaN.
        RuntimeError
            If the model is not compiled.
        """
        X, y = validate_data(self, X, y, multi_output=True, **self._accepted())
        y = self._encoded(y)
        model = self._ready_model(X, y)
        if not model.compiled or model.loss is None or model.optimizer is None:
            raise RuntimeError(
                f"{type(self).__name__}: expected a compiled model with a loss and an optimizer, "
                "got one without; call model.compile(optimizer, loss) before"
            )
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _ready_model(self, X, y):
        """The model to train: the last one, a copy of the given one, or what the function makes."""
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if not callable(self.model):
            got = f"expected a Model, or a function that returns one, got {self.model!r}"
            raise TypeError(f"{type(self).__name__}: model: {got}")
        if not isinstance(self.model, Model):
            return self.model(X=X, y=y, **(self.model_kwargs or {}))
        if self.warm_start:
            return self.model
        model = clone_model(self.model)
        if self.model.compiled:
            model.compile_from_config(self.model.get_compile_config())
        return model

    @staticmethod
    def _accepted():
        return {"accept_sparse": "csr", "allow_nd": True}

    def _encoded(self, y):
        """What the model is trained to compute."""
        self._ndim = y.ndim
        return y.reshape(len(y), -1)

    def _outputs(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **self._accepted())
        return self.model_.predict(X, verbose=0)


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A classifier around a model, whose last layer has a unit for each class.

    ``fit`` numbers the classes, whatever their type, and trains the model on one-hot rows, float32
    (n, classes), of two classes as well. So the loss is "categorical_crossentropy".

    Parameters
    ----------
    model : Model or callable
        A compiled model, of which each ``fit`` trains a copy with new weights; or a function
        ``model(X, y, **model_kwargs)`` that returns a compiled model, where ``y`` are the rows.
    warm_start : bool
        Whether ``fit`` trains the model of the last ``fit`` on, and a given model itself.
    model_kwargs : dict, optional
        Arguments for the function.
    fit_kwargs : dict, optional
        Arguments for ``Model.fit``, such as ``{"epochs": 5, "verbose": 0}``.

    Attributes
    ----------
    model_ : Model
    history_ : History
    classes_ : array (classes,)
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # on the tiny data of scikit-learn's checks
        return tags

    def predict(self, X):
        """Return the class of each sample: of the largest output."""
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(axis=-1)]

    def predict_proba(self, X):
        """Return the probability (n, classes) of each class; of a model that ends with softmax.

        Raises
        ------
        ValueError
            If the outputs are no probabilities.
        """
        outputs = self._outputs(X)
        sums = outputs.sum(axis=-1)
        if outputs.min(initial=0) < 0 or not np.allclose(sums, 1, atol=1e-3):
            cure = 'end the model with activation="softmax", or take decision_function'
            got = f"rows that add up to {sums.min():.3g} to {sums.max():.3g}"
            raise ValueError(f"predict_proba: expected probabilities, got {got}; {cure}")
        return outputs

    def decision_function(self, X):
        """Return the outputs (n, classes); of two classes their difference (n,), second less first.

        Keras returns both columns, which scikit-learn's scorers refuse.
        """
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[-1] == 2 else outputs

    def _encoded(self, y):
        y = column_or_1d(y, warn=True)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                "Only binary and multiclass target types are supported. "
                f"Target type: {kind}; for numbers there is SKLearnRegressor"
            )
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        return one_hot(numbers, len(self.classes_), np.float32)


def _described(first):
    """The base's docstring, with a first line of its own; None under ``python -OO``."""
    text = _Estimator.__doc__
    return text and text.replace(text.splitlines()[0], first)


class SKLearnRegressor(RegressorMixin, _Estimator):
    __doc__ = _described(
        "A regressor around a model, whose last layer has a unit for each number to predict."
    )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags

    def predict(self, X):
        """Return the outputs, float64 (n,) if ``fit`` got such targets, else (n, outputs)."""
        outputs = self._outputs(X).astype(np.float64)  # which scikit-learn's checks ask for
        return outputs.reshape(len(outputs)) if self._ndim == 1 else outputs


class SKLearnTransformer(TransformerMixin, _Estimator):
    __doc__ = _described("A step of a pipeline: the model's outputs are what the next step gets.")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    def transform(self, X):
        """Return the outputs (n, ...)."""
        return self._outputs(X)
