"""Quantiles against those that SciPy 1.17.1 gives: scipy.stats.chi2.ppf(p, 2 * n)."""

import pytest

from app.reliability.bounds import quantile

SCIPY = {
    (0.05, 1): 0.10258658877510106,
    (0.95, 1): 5.991464547107979,
    (0.05, 2): 0.7107230213973239,
    (0.0005, 2): 0.06392204451191771,
    (0.05, 5): 3.9402991361190605,
    (0.95, 6): 21.02606981748307,
    (0.025, 10): 9.590777392264867,
    (0.975, 11): 36.78071208403556,
    (0.05, 100): 168.27855443662838,
    (0.95, 101): 236.15854556419413,
    (0.05, 3751): 7301.663957033258,
    (0.9995, 3752): 7913.675893252825,
    (0.05, 700_000): 1397248.7709395862,
    (0.95, 700_001): 1402755.5050841528,
}


@pytest.mark.parametrize(("probability", "n"), SCIPY)
def test_quantiles_are_those_of_scipy(probability: float, n: int) -> None:
    expected = SCIPY[probability, n]
    assert 2 * quantile(probability, n) == pytest.approx(expected, rel=1e-9)
