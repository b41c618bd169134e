"""Trainings with a step of their own for certified results: the published algorithms, once more.

A page's program names its `algorithm`. Here it is written from its equations, for the networks and
the draws of that program; what its step does is not looked at.
"""

import numpy as np

from experiments.certified import dense
from experiments.certified.extended import Training
from experiments.certified.loss_functions import binary_cross_entropy
from experiments.certified.optimizers import Optimizer
from experiments.certified.problem import Problem

__all__ = ["PROGRAMS"]

_EVALUATION = 0  # the seed of what is drawn for an evaluation


class AdversarialTraining(Training):
    """A generator and a discriminator, in this order, each of dense layers.

    Each step trains the discriminator to tell samples from what the generator makes of `noise_d`,
    then the generator to have what it makes of `noise_g` taken for samples.
    Source: Goodfellow et al., "Generative adversarial nets", NIPS 2014, algorithm 1.
    """

    def __init__(self, problem: Problem, dtype: type[np.floating] = np.longdouble) -> None:
        super().__init__(problem, dtype)
        first = len(problem.parts.networks[0].weights)
        self.G, self.D = self.weights[:first], self.weights[first:]
        self.optimizer_g, self.optimizer_d = (Optimizer(problem, each) for each in (self.G, self.D))

    def step(self, X: np.ndarray, y: np.ndarray) -> np.floating:
        """Train both on as many samples and noises as there are rows; return the first's loss."""
        noise = {name: z.astype(self.dtype) for name, z in self.draw(len(X)).named.items()}
        loss_d, grads = self.discriminate(X, self.pass_on(self.G, noise["noise_d"])[-1])
        self.optimizer_d.step(grads)

        made = self.pass_on(self.G, noise["noise_g"])
        judged = self.pass_on(self.D, made[-1])
        _, dz = binary_cross_entropy(judged[-1], np.ones(len(X)))
        _, dz = dense.backward(self.D, judged, dz, self.problem.formulas)
        d_made = dense.product(dz, self.D[0].T)
        grads, _ = dense.backward(self.G, made, d_made, self.problem.formulas)
        self.optimizer_g.step(grads)
        return loss_d

    def discriminate(
        self, real: np.ndarray, fake: np.ndarray
    ) -> tuple[np.floating, list[np.ndarray]]:
        """Return −mean log D(real) − mean log(1 − D(fake)), and its gradient with respect to D."""
        total, grads = self.dtype(0), [np.zeros_like(w) for w in self.D]
        for rows, label in ((real, 1), (fake, 0)):
            judged = self.pass_on(self.D, rows)
            loss, dz = binary_cross_entropy(judged[-1], np.full(len(rows), label))
            own, _ = dense.backward(self.D, judged, dz, self.problem.formulas)
            total, grads = total + loss, [a + b for a, b in zip(grads, own, strict=True)]
        return total, grads

    def test_loss(self) -> np.floating:
        """Return the discriminator's loss on what is made of the test noise, and the samples."""
        data = self.problem.data
        noise, real = (a.astype(self.dtype) for a in (data.X_test, data.y_test))
        return self.discriminate(real, self.pass_on(self.G, noise)[-1])[0]

    def pass_on(self, weights: list[np.ndarray], X: np.ndarray) -> list[np.ndarray]:
        """Return what a network's layers make of X."""
        return dense.forward(weights, X, self.problem.formulas)


class ContrastiveDivergence(Training):
    """A Bernoulli machine with P(h = 1 | v) = σ(v W + c) and P(v = 1 | h) = σ(h Wᵀ + b).

    One step of contrastive divergence: hidden units are sampled, what they reconstruct is taken as
    probabilities. The loss is the cross-entropy of these.
    Source: Hinton, "A practical guide to training restricted Boltzmann machines", 2012, section 3.
    """

    def __init__(self, problem: Problem, dtype: type[np.floating] = np.longdouble) -> None:
        super().__init__(problem, dtype)
        self.optimizer = Optimizer(problem, self.weights)

    def step(self, X: np.ndarray, y: np.ndarray) -> np.floating:
        """Take one step; return the loss before it."""
        h = self.hidden(X)
        logits = self.visible(self.draw(len(X)).named["hidden"] < h)
        loss, _ = binary_cross_entropy(logits, X)
        again = _sigmoid(logits)
        self.learn(X, h, again, self.hidden(again))
        return loss

    def learn(self, v: np.ndarray, h: np.ndarray, w: np.ndarray, k: np.ndarray) -> None:
        """Raise the probability of v (n, d) with h (n, m), lower that of w with k."""
        n = len(v)
        dW = (dense.product(w.T, k) - dense.product(v.T, h)) / n
        dc, db = (k.sum(axis=0) - h.sum(axis=0)) / n, (w.sum(axis=0) - v.sum(axis=0)) / n
        self.optimizer.step([dW, dc, db])

    def test_loss(self) -> np.floating:
        """Return the loss on the test rows, with the draws of an evaluation."""
        X = self.problem.data.X_test.astype(self.dtype)
        drawn = self.problem.steps(_EVALUATION)(len(X)).named["hidden"]
        return binary_cross_entropy(self.visible(drawn < self.hidden(X)), X)[0]

    def hidden(self, v: np.ndarray) -> np.ndarray:
        """Return P(h = 1 | v)."""
        W, c, _ = self.weights
        return _sigmoid(dense.product(v, W) + c)

    def visible(self, h: np.ndarray) -> np.ndarray:
        """Return the logits of P(v = 1 | h)."""
        W, _, b = self.weights
        return dense.product(h.astype(self.dtype), W.T) + b

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the features of X, as a later phase asks an estimator for them: P(h = 1 | v)."""
        return self.hidden(X.astype(self.dtype))


class PersistentContrastiveDivergence(ContrastiveDivergence):
    """The machine with chains that go on from step to step, as many as a batch has rows.

    The loss is the negative log pseudo-likelihood of the pixels that are drawn in `flips`, times
    their number: −d log P(v_i | all others).
    Source: Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood
    gradient", ICML 2008.
    """

    def __init__(self, problem: Problem, dtype: type[np.floating] = np.longdouble) -> None:
        super().__init__(problem, dtype)
        self.chains = np.zeros((problem.spec.batch_size, len(self.weights[1])), dtype)

    def step(self, X: np.ndarray, y: np.ndarray) -> np.floating:
        """Take one step; return the loss before it."""
        drawn = self.draw(len(X)).named
        loss = self.pseudo_likelihood(X, drawn["flips"])
        dreams = (drawn["visible"] < _sigmoid(self.visible(self.chains))).astype(self.dtype)
        dreamt = self.hidden(dreams)
        self.learn(X, self.hidden(X), dreams, dreamt)
        self.chains = (drawn["hidden"] < dreamt).astype(self.dtype)
        return loss

    def test_loss(self) -> np.floating:
        """Return the loss on the test rows, with the draws of an evaluation."""
        X = self.problem.data.X_test.astype(self.dtype)
        return self.pseudo_likelihood(X, self.problem.steps(_EVALUATION)(len(X)).named["flips"])

    def pseudo_likelihood(self, v: np.ndarray, flips: np.ndarray) -> np.floating:
        """Return d/n Σ log(1 + e^(F(v) − F(v̄))), where v̄ is v with one pixel turned."""
        gap = self.free_energy(v) - self.free_energy(np.where(flips == 1, 1 - v, v))
        return v.shape[1] * _softplus(gap).sum() / len(v)

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        """Return F(v) = −v b − Σ log(1 + e^(v W + c))."""
        W, c, b = self.weights
        return -(v * b).sum(axis=1) - _softplus(dense.product(v, W) + c).sum(axis=1)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _softplus(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


PROGRAMS: dict[str, type[Training]] = {
    "adversarial training": AdversarialTraining,
    "contrastive divergence": ContrastiveDivergence,
    "persistent contrastive divergence": PersistentContrastiveDivergence,
}
