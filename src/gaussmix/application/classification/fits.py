"""How the classes are fitted, once it is known how many components each has, and of which family.

Separately, each class is a mixture of its own (mclust's MclustDA). Together, all components of all classes are one
mixture, of which a row may belong to the components of its class only: EM then estimates what the covariances of all
classes have in common. With one component a class that is the M-step alone (EDDA, Bensmail & Celeux 1996); with
several and equal covariances it is the model of Hastie & Tibshirani (1996). A row without a class may belong to any
component, so that such rows, too, need the fit together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gaussmix.application.classification.candidate import Candidate, ClassFit, Settings
from gaussmix.application.classification.complaints import told_of_class
from gaussmix.application.classification.densities import Densities
from gaussmix.application.classification.labelled import Labelled, taken
from gaussmix.application.classification.separate import family_of_all
from gaussmix.application.classification.weights import GivenClassWeights
from gaussmix.covariance import FAMILIES
from gaussmix.errors import DataError
from gaussmix.estimator import GaussianMixture
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.threads import executor_for
from gaussmix.executor import Executor
from gaussmix.fit import EStep, fit_em, start_from_labels
from gaussmix.model import Mixture
from gaussmix.prior import Flat
from gaussmix.source import IncompleteRows
from gaussmix.source.blocks import block_rows
from gaussmix.types import IntArray


def fit_classes(rows: Labelled, candidate: Candidate, settings: Settings) -> ClassFit:
    """Return the fit of a candidate.

    Raises
    ------
    DataError
        If a class has fewer rows than components.
    """
    sizes = np.bincount(rows.codes[rows.known], minlength=rows.n_classes)
    short = np.flatnonzero(sizes < candidate.n_components)
    if len(short):
        code = int(short[0])
        raise DataError(
            f"class {rows.name(code)} has {sizes[code]} row(s), too few for {candidate.n_components[code]} "
            "components: use fewer components"
        )
    if candidate.together and max(candidate.n_components) == 1:
        return _together(rows, candidate, settings, rows.codes[rows.known])
    mixtures = [_own_mixture(rows, candidate, settings, code) for code in range(rows.n_classes)]
    if candidate.together:
        return _together(rows, candidate, settings, _components(rows, mixtures))
    return of_mixtures(rows, mixtures, settings)


def of_mixtures(rows: Labelled, fitted: Sequence[Any], settings: Settings) -> ClassFit:
    """Return the fit that consists of each class's ``GaussianMixture``, carried on where rows have no class."""
    mixtures: list[Mixture] = [one.mixture_ for one in fitted]
    if not rows.known.all():
        sizes = tuple(mixture.n_components for mixture in mixtures)
        candidate = Candidate(sizes, tuple(mixture.family for mixture in mixtures), together=False)
        return _together(rows, candidate, settings, _components(rows, fitted))
    priors, n_parameters = settings.priors, sum(mixture.n_parameters for mixture in mixtures)
    if priors is None:
        priors = rows.count / rows.count.sum()
        n_parameters += len(priors) - 1
    fit = _measured(rows, Densities(mixtures, priors), n_parameters, executor_for(settings.n_jobs))
    n_iter = max(one.n_iter_ for one in fitted)
    return replace(fit, converged=all(one.converged_ for one in fitted), n_iter=n_iter)


def _own_mixture(rows: Labelled, candidate: Candidate, settings: Settings, code: int) -> Any:
    """Return the ``GaussianMixture`` of one class."""
    K, family = candidate.n_components[code], candidate.families[code]
    estimator = GaussianMixture(K, covariance_type=family, **settings.for_class(code))
    with told_of_class(rows.name(code)):
        return estimator.fit(rows.of_class(code))


def _components(rows: Labelled, fitted: Sequence[Any]) -> IntArray:
    """Return the component of each row with a class, numbered through all classes."""
    components = np.empty(len(rows.codes), np.int64)
    first = 0
    for code, one in enumerate(fitted):
        components[rows.codes == code] = first + one.predict(rows.of_class(code))
        first += one.mixture_.n_components
    return components[rows.known]


def _together(rows: Labelled, candidate: Candidate, settings: Settings, components: IntArray) -> ClassFit:
    """Return the fit of one mixture of all components.

    Parameters
    ----------
    rows : Labelled
    candidate : Candidate
    settings : Settings
    components : ndarray
        Where EM starts: the component of each row with a class.
    """
    source, owner, executor = rows.source, candidate.owner, executor_for(settings.n_jobs)
    shared = candidate.together
    family = candidate.families[0] if shared else family_of_all(candidate.families, candidate.n_components)
    # reg_covar in units of each feature, for any family, so that candidates differ in the family alone.
    problem = Problem.of(source, executor, FAMILIES["full"], len(owner), settings.reg_covar)
    problem = replace(problem, family=family)
    if settings.priors is not None:
        problem = replace(problem, prior=GivenClassWeights(problem.prior, settings.priors, owner))
    allowed = [tuple(np.flatnonzero(owner == code).tolist()) for code in range(rows.n_classes)]
    size = block_rows(source.n_rows, source.n_features, max(candidate.n_components))
    partitions = IncompleteRows.of(source, rows.codes, allowed).partitions(size)
    result = fit_em(
        _start(problem, rows, components),
        partitions,
        executor,
        tol=settings.tol,
        max_iter=settings.max_iter,
        # Leaps between EM's steps know nothing of weights that are given.
        acceleration="auto" if settings.priors is None else None,
    )
    model = result.model
    fit = _measured(rows, _split(model, candidate), model.n_parameters, executor)
    moments = executor.map_reduce(EStep(model), partitions)
    bare = Mixture.from_moments(moments, family, Flat(None, problem.prior.floor), model.covariances)
    singular = tuple(np.unique(owner[bare.collapsed]).tolist())
    return replace(fit, converged=result.converged, n_iter=len(result.history), singular=singular)


def _start(problem: Problem, rows: Labelled, components: IntArray) -> Mixture:
    """Return the mixture whose components are the labelled groups of rows."""
    labelled = taken(problem.source, np.flatnonzero(rows.known))
    K = problem.n_components
    blocks = labelled.partitions(block_rows(labelled.n_rows, labelled.n_features, K))
    return start_from_labels(blocks, components, K, problem.family, problem.prior)


def _split(mixture: Mixture, candidate: Candidate) -> Densities:
    """Return the mixture of each class, in the form of its family, and the weights of the classes."""
    mixtures, priors = [], []
    for code, family in enumerate(candidate.families):
        own = np.flatnonzero(candidate.owner == code)
        part = mixture.select(own)
        if part.family is not family:
            part = replace(part, family=family, covariances=family.embed(part.covariances, part.weights))
        mixtures.append(part)
        priors.append(mixture.weights[own].sum())
    return Densities(mixtures, np.array(priors))


def _measured(rows: Labelled, densities: Densities, n_parameters: int, executor: Executor) -> ClassFit:
    """Return a fit of one M-step with its likelihoods."""
    joint, alone = densities.log_likelihood(rows.source, rows.codes, executor).tolist()
    return ClassFit(densities, n_parameters, joint, alone, float(rows.weight.sum()), converged=True, n_iter=1)
