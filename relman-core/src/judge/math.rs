//! The little mathematics that the judge needs beyond `libm`, the same to the bit on every machine.

/// The square root of two, rounded to the nearest double.
pub(crate) const SQRT_2: f64 = std::f64::consts::SQRT_2;

/// How far below the other a logarithm is whose number is nothing beside it: `e^−40` is a thirteenth of what it takes to
/// move a double of one or more.
const NOTHING_BESIDE: f64 = 40.0;

/// `ln(e^a + e^b)`, as `max + ln(1 + e^(−|a−b|))`; the logarithm of zero is minus infinity.
///
/// Where the sum is rounded to the larger one it is not worked out: the same bits, and most of the time of a release that
/// is fine.
pub(crate) fn ln_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY || (high - low > NOTHING_BESIDE && high.abs() >= 1.0) {
        return high;
    }
    high + libm::log1p(libm::exp(low - high))
}

/// `ln(Σ e^x)`, summed in the order of the terms; minus infinity of none.
///
/// One logarithm for all terms, where repeated [`ln_add`] would take one for each.
pub(crate) fn ln_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let high = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if high == f64::NEG_INFINITY {
        return high;
    }
    let mut sum = 0.0;
    for term in terms {
        sum += libm::exp(term - high);
    }
    high + libm::log(sum)
}

/// `ln B(a, b)`, the logarithm of the beta function of positive numbers.
pub(crate) fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// `x · ln p` with `0 · ln 0 = 0`: what happened never and can't happen says nothing.
pub(crate) fn times_ln(x: f64, p: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x * libm::log(p) }
}

/// The probability that a standard normal number is further from zero than `z`, on either side.
pub(crate) fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / SQRT_2)
}

/// The number that a standard normal one exceeds with probability `tail`, between 0 and ½, both excluded.
///
/// Newton's method on `½ erfc(z/√2) − tail` from zero: the function is convex and falls for positive `z`, so that each
/// step stays on the near side of the root and comes closer, until rounding stops it.
pub(crate) fn normal_upper_quantile(tail: f64) -> f64 {
    /// `1/√(2π)`, rounded to the nearest double.
    const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;
    /// More than any tail that a double can hold takes.
    const MOST_STEPS: u32 = 2_000;
    let mut z = 0.0;
    for _ in 0..MOST_STEPS {
        let excess = 0.5 * libm::erfc(z / SQRT_2) - tail;
        let next = z + excess / (DENSITY_AT_ZERO * libm::exp(-0.5 * z * z));
        if next <= z {
            break;
        }
        z = next;
    }
    z
}

/// The point between `inside` and `outside` up to which `holds` is true, by bisection until two doubles are neighbours.
///
/// The outer of the two is the answer: an interval may be a rounding too wide, never too narrow. `holds` is true from
/// `inside` up to one point and false from there on.
#[expect(clippy::float_cmp, reason = "neighbouring doubles have no middle")]
pub(crate) fn last_that_holds(inside: f64, outside: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut inside, mut outside) = (inside, outside);
    loop {
        let middle = inside + (outside - inside) / 2.0;
        if middle == inside || middle == outside {
            return outside;
        }
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the very same number is meant")]
mod tests {
    use super::*;

    #[test]
    fn logarithms_add_up() {
        assert_eq!(ln_add(f64::NEG_INFINITY, 2.0), 2.0);
        assert_eq!(ln_add(2.0, f64::NEG_INFINITY), 2.0);
        assert_eq!(ln_add(f64::NEG_INFINITY, f64::NEG_INFINITY), f64::NEG_INFINITY);
        let three = ln_add(libm::log(1.0), libm::log(2.0));
        assert!((three - libm::log(3.0)).abs() < 1e-15);
        let ten = ln_sum([1.0_f64, 2.0, 3.0, 4.0].into_iter().map(libm::log));
        assert!((ten - libm::log(10.0)).abs() < 1e-15);
        assert_eq!(ln_sum([f64::NEG_INFINITY; 3].into_iter()), f64::NEG_INFINITY);
        assert_eq!(ln_add(800.0, 0.0), 800.0, "what e^800 would overflow does not");
    }

    #[test]
    fn what_is_not_worked_out_would_not_have_changed_a_bit() {
        for high in [1.0, -1.0, 1.0 + f64::EPSILON, -2.0, 2.0, 4.605, -37.3, 700.0, -4_000.25] {
            for below in [40.0_f64.next_up(), 41.5, 60.0, 744.0, 746.0, 1e5] {
                let (a, b) = (high, high - below);
                let worked_out = a + libm::log1p(libm::exp(b - a));
                assert_eq!(ln_add(a, b).to_bits(), worked_out.to_bits(), "{a} {b}");
            }
        }
        // Near zero a double is fine enough to tell.
        assert_ne!(ln_add(1e-20, -41.0), 1e-20);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // R's qnorm(0.975), qnorm(0.99) and qnorm(1e-10), to sixteen digits.
        for (tail, expected) in
            [(0.025, 1.959_963_984_540_054), (0.01, 2.326_347_874_040_841), (1e-10, 6.361_340_902_404_056)]
        {
            let z = normal_upper_quantile(tail);
            assert!((z - expected).abs() < 1e-13, "{tail}: {z} and {expected}");
            assert!((normal_two_sided(z) / (2.0 * tail) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn beta_of_small_integers() {
        // B(3, 4) = 2! 3! / 6!
        assert!((ln_beta(3.0, 4.0) - libm::log(1.0 / 60.0)).abs() < 1e-14);
    }
}
