"""Models as estimators, in the hands of scikit-learn itself."""

import pickle
import warnings

import numpy as np
import pytest

import minigrad
from minigrad import Input, Model, Sequential, layers

pytest.importorskip("sklearn")

from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris, make_regression
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from minigrad.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
QUIET = {"verbose": 0, "epochs": 20, "batch_size": 10}


def classifier(X, y, units=16, last="softmax", rate=0.02, loss="categorical_crossentropy"):
    minigrad.utils.set_random_seed(1)  # or two fits would differ
    x = Input((X.shape[1],))
    model = Model(x, layers.Dense(y.shape[1], last)(layers.Dense(units, "relu")(x)))
    model.compile(minigrad.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def regressor(X, y, units=32):
    minigrad.utils.set_random_seed(1)
    model = Sequential([layers.Dense(units, "relu"), layers.Dense(y.shape[1])])
    model.compile(minigrad.optimizers.Adam(0.05), "mse")
    return model


def features(units=6):
    model = Sequential([Input((4,)), layers.Dense(units, "tanh"), layers.Dense(3, "softmax")])
    model.compile(minigrad.optimizers.Adam(0.02), "categorical_crossentropy")
    return model


# --- scikit-learn's own checks -------------------------------------------------------------------

ESTIMATORS = [
    SKLearnClassifier(classifier, fit_kwargs={"verbose": 0}),
    SKLearnRegressor(regressor, fit_kwargs={"verbose": 0}),
    SKLearnTransformer(regressor, fit_kwargs={"verbose": 0}),
]
CHECKS = [pair for each in ESTIMATORS for pair in estimator_checks_generator(each)]


@pytest.mark.parametrize(
    ("estimator", "check"),
    CHECKS,
    ids=[f"{type(e).__name__}-{getattr(c, 'func', c).__name__}" for e, c in CHECKS],
)
def test_scikit_learns_checks_pass(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks provoke some
        check(estimator)


# --- what scikit-learn's users do ----------------------------------------------------------------


def test_cross_validation_in_a_pipeline_learns_the_species():
    steps = make_pipeline(StandardScaler(), SKLearnClassifier(classifier, fit_kwargs=QUIET))
    scores = cross_val_score(steps, IRIS, NAMES, cv=3)
    assert scores.shape == (3,) and scores.min() > 0.85
    shares = cross_val_predict(steps, IRIS, NAMES, cv=3, method="predict_proba")
    assert shares.shape == (150, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)


def test_grid_search_finds_the_size_that_learns():
    grid = {"model_kwargs": [{"units": 16}, {"units": 16, "rate": 1e-6}]}
    estimator = SKLearnClassifier(classifier, fit_kwargs=QUIET)
    search = GridSearchCV(estimator, grid, cv=2, n_jobs=1, error_score="raise").fit(IRIS, NAMES)
    assert search.best_params_ == {"model_kwargs": {"units": 16}}
    assert search.best_estimator_.model_.layers[1].units == 16
    assert search.best_score_ > 0.85 > search.cv_results_["mean_test_score"].min() + 0.1


def test_a_clone_has_all_arguments_and_is_not_trained():
    estimator = SKLearnClassifier(features(), model_kwargs={}, fit_kwargs={"verbose": 0})
    estimator.fit(IRIS, NAMES)
    again = clone(estimator)
    assert again.fit_kwargs == {"verbose": 0} and again.fit_kwargs is not estimator.fit_kwargs
    assert again.model is not estimator.model and not hasattr(again, "model_")
    assert set(again.get_params()) == {"model", "warm_start", "model_kwargs", "fit_kwargs"}
    assert is_classifier(estimator) and is_regressor(SKLearnRegressor(regressor))


def test_a_given_model_is_copied_unless_it_starts_warm():
    model = features()
    before = model.weights_hash()
    cold = SKLearnClassifier(model, fit_kwargs=QUIET).fit(IRIS, NAMES)
    assert model.weights_hash() == before != cold.model_.weights_hash()
    assert cold.model_.optimizer is not model.optimizer
    first = cold.model_
    assert cold.fit(IRIS, NAMES).model_ is not first
    warm = SKLearnClassifier(model, warm_start=True, fit_kwargs=QUIET).fit(IRIS, NAMES)
    assert warm.model_ is model and model.weights_hash() != before
    steps = int(model.optimizer.iterations)
    assert warm.fit(IRIS, NAMES).model_ is model and model.optimizer.iterations == 2 * steps
    made = SKLearnClassifier(classifier, warm_start=True, fit_kwargs=QUIET).fit(IRIS, NAMES)
    first = made.model_
    assert made.fit(IRIS, NAMES).model_ is first


def test_arguments_of_fit_come_before_those_of_the_constructor():
    options = {"verbose": 0, "epochs": 2}
    estimator = SKLearnClassifier(classifier, fit_kwargs=options)
    weights = np.ones(150)
    estimator.fit(IRIS, NAMES, epochs=3, sample_weight=weights, validation_split=0.2)
    assert len(estimator.history_.history["val_accuracy"]) == 3
    assert options == {"verbose": 0, "epochs": 2}


def test_two_classes_have_one_decision_and_others_one_each():
    two = SPECIES < 2
    estimator = SKLearnClassifier(classifier, fit_kwargs=QUIET).fit(IRIS[two], NAMES[two])
    decision = estimator.decision_function(IRIS[two])
    assert decision.shape == (100,)
    assert set(NAMES[two]) == {*estimator.classes_}
    np.testing.assert_array_equal(
        estimator.classes_[(decision > 0) * 1], estimator.predict(IRIS[two])
    )
    assert cross_val_score(estimator, IRIS[two], NAMES[two], scoring="roc_auc", cv=2).min() > 0.95
    assert estimator.fit(IRIS, NAMES).decision_function(IRIS).shape == (150, 3)


def test_outputs_that_are_no_probabilities_are_refused_as_such():
    loss = minigrad.losses.CategoricalCrossentropy(from_logits=True)
    options = {"last": None, "loss": loss}
    estimator = SKLearnClassifier(classifier, model_kwargs=options, fit_kwargs=QUIET)
    assert estimator.fit(IRIS, NAMES).score(IRIS, NAMES) > 0.85
    with pytest.raises(ValueError, match=r"predict_proba: expected probabilities, got rows that"):
        estimator.predict_proba(IRIS)


def test_regressors_predict_one_number_or_several_from_sparse_rows_too():
    X, y = make_regression(120, 5, n_targets=2, noise=1, random_state=0)
    y /= y.std()
    options = {"verbose": 0, "epochs": 40}
    one = SKLearnRegressor(regressor, fit_kwargs=options).fit(X, y[:, 0])
    assert one.predict(X).shape == (120,) and one.score(X, y[:, 0]) > 0.9
    both = SKLearnRegressor(regressor, fit_kwargs=options).fit(sparse.csr_matrix(X), y)
    assert both.predict(sparse.csc_matrix(X)).shape == (120, 2) and both.score(X, y) > 0.9


def test_a_transformer_gives_its_outputs_to_the_next_step():
    y = np.eye(3)[SPECIES]
    learned = SKLearnTransformer(features(), fit_kwargs=QUIET).fit(IRIS, y)
    before = learned.model_.weights_hash()
    steps = make_pipeline(FrozenEstimator(learned), LogisticRegression()).fit(IRIS, NAMES)
    assert steps.score(IRIS, NAMES) > 0.85 and learned.model_.weights_hash() == before
    np.testing.assert_array_equal(learned.transform(IRIS), learned.model_.predict(IRIS, verbose=0))


def test_images_are_samples():
    def images(X, y):
        model = Sequential([layers.Flatten(), layers.Dense(y.shape[1], "softmax")])
        model.compile("adam", "categorical_crossentropy")
        return model

    X = np.random.default_rng(0).normal(size=(40, 6, 6, 1))
    estimator = SKLearnClassifier(images, fit_kwargs={"verbose": 0})
    assert estimator.fit(X, np.arange(40) % 4).predict(X).shape == (40,)


def test_a_trained_estimator_is_pickled_with_its_model():
    estimator = SKLearnClassifier(classifier, fit_kwargs=QUIET).fit(IRIS, NAMES)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.predict_proba(IRIS), estimator.predict_proba(IRIS))


@pytest.mark.parametrize(
    ("estimator", "y", "error", "message"),
    [
        (SKLearnClassifier("classifier"), NAMES, TypeError, "model: expected a Model, or a"),
        (SKLearnClassifier(Sequential([layers.Dense(3)])), NAMES, RuntimeError, "a compiled model"),
        (SKLearnClassifier(classifier), IRIS[:, 0], ValueError, "target types are supported.*Regr"),
        (SKLearnClassifier(classifier), np.ones(150), ValueError, "only one class is present"),
        (SKLearnRegressor(regressor), np.full(150, np.nan), ValueError, "contains NaN"),
    ],
)
def test_what_cannot_be_trained_is_told(estimator, y, error, message):
    with pytest.raises(error, match=message):
        estimator.fit(IRIS, y)
