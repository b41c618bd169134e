"""A random sample of the mutants, and what the share killed in it says about all of them."""

import hashlib
import math

NORMAL_95 = 1.959963984540054  # 95 % of a normal distribution lie within so many deviations


def draw(mutants, n, seed):
    """Return n of the mutants, each as likely as any other: a file takes part by its mutants.

    Each mutant has a random rank, made of the seed and itself, and the n lowest are drawn. So a
    larger sample contains the smaller one, and a change to one file leaves the others' ranks alone.
    """

    def rank(mutant):
        return hashlib.sha256(repr((seed, *mutant)).encode()).digest()

    return sorted(mutants, key=rank)[:n]


def wilson(successes, n, z=NORMAL_95):
    """Return the ends of the score interval for a share, (0, 1) where nothing was tried.

    (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), where p = successes / n: Wilson, "Probable
    inference, the law of succession, and statistical inference", 1927. It holds for shares near
    one too, where the usual p ± z √(p(1−p)/n) would end beyond it.
    """
    if not n:
        return 0.0, 1.0
    p = successes / n
    middle = p + z**2 / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = ((middle + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)
