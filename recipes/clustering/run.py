"""Cluster data whose groups are of unequal size and stretched along some columns, and say how sure each case is."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

import gmmspeech as gs
from gmmspeech import pipeline

DATA = {"iris": (load_iris, (2, 3)), "wine": (load_wine, (6, 12)), "breast cancer": (load_breast_cancer, (20, 27))}
STARTS = 10  # of either method; the best by its own measure is kept
COLORS = np.array(["#0072b2", "#d55e00", "#009e73"])


@pipeline.recipe(corpus=False, stages=False)
def main(run: pipeline.Run) -> None:
    """Soft clusters against k-means, on three tables that come with scikit-learn."""
    run.out.mkdir(parents=True, exist_ok=True)
    rows = []
    figure = Figure(figsize=(10, 3.2 * len(DATA)), layout="constrained")
    panels = figure.subplots(len(DATA), 3, squeeze=False)
    for (name, (load, columns)), axes in zip(DATA.items(), panels, strict=True):
        data = load()
        kinds = len(data.target_names)
        X = StandardScaler().fit_transform(data.data)
        hard = KMeans(kinds, n_init=STARTS, random_state=0).fit_predict(X)
        gmm = likeliest(X, kinds, run.jobs)
        soft = gmm.predict_proba(X)
        doubt = entropy(soft)
        clusters = soft.argmax(axis=1)
        right = majority(clusters, data.target) == data.target
        rows.append(
            {
                "data": f"{name}, {len(X)} cases of {kinds} kinds",
                "k-means, as measured (ARI)": ari(
                    data.target, KMeans(kinds, n_init=STARTS, random_state=0).fit_predict(data.data)
                ),
                "k-means, standardized": ari(data.target, hard),
                "mixture": ari(data.target, clusters),
                "doubt where right / wrong (bits)": f"{doubt[right].mean():.3f} / {doubt[~right].mean():.3f}",
            }
        )
        names = [data.feature_names[c] for c in columns]
        for axis, labels, title in (
            (axes[0], data.target, f"{name}: true kinds"),
            (axes[1], majority(hard, data.target), "k-means"),
            (axes[2], majority(clusters, data.target), "mixture; rings: over 0.1 bit of doubt"),
        ):
            axis.scatter(*data.data[:, columns].T, s=14, c=COLORS[labels], linewidths=0)
            axis.set_title(title, fontsize=10)
            axis.set_xlabel(names[0])
        axes[0].set_ylabel(names[1])
        unsure = doubt > 0.1
        axes[2].scatter(*data.data[unsure][:, columns].T, s=55, facecolors="none", edgecolors="black", linewidths=0.6)
    figure.savefig(run.out / "clusters.png", dpi=120)
    run.results(rows)


def likeliest(X: NDArray, kinds: int, jobs: int) -> gs.DiagonalGMM:
    """Best of several starts; scaling a column changes nothing for a mixture."""
    options = {"max_iter": 200, "tol": 1e-6, "n_jobs": jobs}
    fitted = [gs.DiagonalGMM(kinds, random_state=seed, **options).fit(X) for seed in range(STARTS)]
    return max(fitted, key=lambda gmm: gmm.score(X))


def entropy(posteriors: NDArray) -> NDArray:
    """Bits of doubt about the cluster of each case, (N,): 0 if it is certain, 1 if two are equally probable."""
    return -(posteriors * np.log2(np.maximum(posteriors, 1e-300))).sum(axis=1)


def majority(clusters: NDArray, kinds: NDArray) -> NDArray:
    """Name each cluster by the kind that most of its cases are of."""
    return np.array(
        [np.bincount(kinds[clusters == c]).argmax() if (clusters == c).any() else 0 for c in range(kinds.max() + 1)]
    )[clusters]


def ari(kinds: NDArray, clusters: NDArray) -> str:
    """Adjusted Rand index: 1 for the true division, 0 for what chance gives."""
    return f"{adjusted_rand_score(kinds, clusters):.3f}"


if __name__ == "__main__":
    main()
