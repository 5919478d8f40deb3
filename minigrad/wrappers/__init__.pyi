# By tests/typing/make_stubs.py
from typing import Any, Self
from minigrad._types import Array
class SKLearnClassifier(Any):  # type: ignore[misc]
    def predict(self, X: Any) -> Array: ...
    def predict_proba(self, X: Any) -> Array: ...
    def decision_function(self, X: Any) -> Array: ...
    def __init__(
        self, model: Any, warm_start: bool = False, model_kwargs: Any = None,
        fit_kwargs: Any = None,
    ) -> None: ...
    def fit(self, X: Any, y: Any, **kwargs: Any) -> Self: ...
    classes_: Any
    model: Any
    warm_start: Any
    model_kwargs: Any
    fit_kwargs: Any
    history_: Any
    model_: Any
class SKLearnRegressor(Any):  # type: ignore[misc]
    def predict(self, X: Any) -> Array: ...
    def __init__(
        self, model: Any, warm_start: bool = False, model_kwargs: Any = None,
        fit_kwargs: Any = None,
    ) -> None: ...
    def fit(self, X: Any, y: Any, **kwargs: Any) -> Self: ...
    model: Any
    warm_start: Any
    model_kwargs: Any
    fit_kwargs: Any
    history_: Any
    model_: Any
class SKLearnTransformer(Any):  # type: ignore[misc]
    def transform(self, X: Any) -> Array: ...
    def __init__(
        self, model: Any, warm_start: bool = False, model_kwargs: Any = None,
        fit_kwargs: Any = None,
    ) -> None: ...
    def fit(self, X: Any, y: Any, **kwargs: Any) -> Self: ...
    model: Any
    warm_start: Any
    model_kwargs: Any
    fit_kwargs: Any
    history_: Any
    model_: Any
