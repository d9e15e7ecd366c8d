"""Find the groups of a table in which up to a third of the lines are nonsense."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

import gmmspeech as gs
from gmmspeech import pipeline

DATA = {"iris": load_iris, "wine": load_wine}
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3)
REPEATS = 5  # drawings of the nonsense
STARTS = 10
REACH = 8.0  # outliers are uniform within so many deviations of the mean
METHODS = {"k-means": "#80868f", "plain EM": "#d55e00", "robust EM": "#0072b2"}


@pipeline.recipe(corpus=False, stages=False)
def main(run: pipeline.Run) -> None:
    """k-means, plain EM and robust EM on two tables with 0 to 30 % of uniform outliers."""
    run.out.mkdir(parents=True, exist_ok=True)
    rows = []
    figure = Figure(figsize=(9, 3.4 * len(DATA)), layout="constrained")
    panels = figure.subplots(len(DATA), 2, squeeze=False)
    for (name, load), axes in zip(DATA.items(), panels, strict=True):
        X, kinds = load(return_X_y=True)
        X = StandardScaler().fit_transform(X)
        results = {
            share: np.mean([trial(X, kinds, share, repeat, run.jobs) for repeat in range(REPEATS)], axis=0)
            for share in SHARES
        }
        for share, result in results.items():
            cells = {
                method: f"{agreement:.2f}, {error:.2f}"
                for method, (agreement, error) in zip(METHODS, result[:3], strict=True)
            }
            rows.append({"data": name, "outliers": f"{share:.0%}", **cells, "found": f"{result[3, 0]:.1%}"})
        for column, (axis, title) in enumerate(
            zip(axes, ("adjusted Rand index", "error of the means, deviations"), strict=True)
        ):
            for method, (label, color) in enumerate(METHODS.items()):
                axis.plot(
                    100 * np.array(SHARES),
                    [results[s][method, column] for s in SHARES],
                    "o-",
                    color=color,
                    label=label,
                )
            axis.set_title(f"{name}: {title}", fontsize=10)
            axis.set_xlabel("outliers (%)")
            axis.set_ylim(bottom=0)
    panels[0, 0].legend(frameon=False)
    figure.savefig(run.out / "outliers.png", dpi=120)
    run.results(rows)


def trial(X: NDArray, kinds: NDArray, share: float, seed: int, jobs: int) -> NDArray[np.float64]:
    """Agreement with the kinds and error of the means of every method, and the share of outliers found, twice."""
    rng = np.random.default_rng(seed)
    nonsense = rng.uniform(-REACH, REACH, (round(share / (1 - share) * len(X)), X.shape[1]))
    mixed = np.concatenate([X, nonsense])
    k = kinds.max() + 1
    options = {"max_iter": 200, "tol": 1e-5, "n_jobs": jobs}
    means = KMeans(k, n_init=STARTS, random_state=seed).fit(mixed)
    fitted = [gs.DiagonalGMM(k, random_state=start, **options).fit(mixed) for start in range(STARTS)]
    plain = max(fitted, key=lambda gmm: gmm.score(mixed))
    robust = gs.gmm.fit_robust(gs.DiagonalGMM(k, random_state=seed, **options), mixed, n_init=STARTS)
    true = np.array([X[kinds == kind].mean(axis=0) for kind in range(k)])
    found = [
        (means.labels_[: len(X)], means.cluster_centers_),
        (plain.predict(X), plain.means_),
        (robust.gmm.predict(X), robust.gmm.means_),
    ]
    figures = [(adjusted_rand_score(kinds, clusters), distance(centers, true)) for clusters, centers in found]
    return np.array([*figures, (robust.outlier_share, robust.outlier_share)])


def distance(found: NDArray, true: NDArray) -> float:
    """Mean distance of the true means from the found ones that they are paired with."""
    distances = np.linalg.norm(found[:, None] - true, axis=2)
    return distances[linear_sum_assignment(distances)].mean()


if __name__ == "__main__":
    main()
