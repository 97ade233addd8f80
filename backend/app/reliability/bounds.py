"""Quantiles of chi-square with an even number of degrees of freedom, for rates.

With 2n degrees of freedom the distribution is one minus a sum of Poisson probabilities:
P(chi2 <= 2x) = 1 - sum of exp(-x) x**k / k! for k < n (Abramowitz and Stegun, 26.4.21;
26.4.17 is the first guess). NIST/SEMATECH e-Handbook 8.4.5.1 has the bounds.
"""

import math
from statistics import NormalDist

EXACT = 1e-15


def quantile(probability: float, n: int) -> float:
    """Half of the chi-square quantile with 2n degrees of freedom, n at least 1."""
    if n == 1:
        return -math.log1p(-probability)
    z, h = NormalDist().inv_cdf(probability), 1 / (9 * n)
    x = n * max(1 - h + z * math.sqrt(h), 0.01) ** 3
    # Newton's method: the density is the last term of the sum.
    for _ in range(100):
        below, density = _distribution(x, n)
        step = (below - probability) / density
        if abs(step) <= EXACT * x:
            break
        x = max(x - step, x / 2)
    return x


def _distribution(x: float, n: int) -> tuple[float, float]:
    """How likely at most x is, and the density there."""
    density = math.exp((n - 1) * math.log(x) - x - math.lgamma(n))
    term, total = density, 0.0
    for k in range(n - 1, -1, -1):
        total += term
        # Terms grow as far as x, then vanish.
        if k < x and term < total * EXACT:
            break
        term *= k / x
    return 1 - total, density
