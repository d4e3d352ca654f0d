//! Brent's root finder, step by step as R's `uniroot` takes it: on a step function the way decides where it ends.

/// How close `uniroot` comes as `wilcox.test` calls it.
const TOLERANCE: f64 = 1e-4;

/// The most steps it takes.
const MOST_STEPS: u32 = 1_000;

/// A point and the function's value there.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// Where a function between two points of different signs changes its sign, to within `1e-4`.
///
/// R. P. Brent, *Algorithms for Minimization Without Derivatives*, 1973, chapter 4, in the form of `zeroin` (netlib):
/// inverse quadratic interpolation, or linear with two points, and bisection where that leads too far or too slowly.
/// Kayenta and R both search the step function of a rank test with it, and a plain bisection ends elsewhere.
pub(super) fn root(low: Point, high: Point, value: impl Fn(f64) -> f64) -> f64 {
    if low.y == 0.0 {
        return low.x;
    }
    if high.y == 0.0 {
        return high.x;
    }
    // The best so far, the one before it, and the last with the other sign.
    let (mut best, mut before, mut opposite) = (high, low, low);
    for _ in 0..MOST_STEPS {
        let last_step = best.x - before.x;
        if opposite.y.abs() < best.y.abs() {
            (before, best, opposite) = (best, opposite, best);
        }
        let tolerance = 2.0 * f64::EPSILON * best.x.abs() + TOLERANCE / 2.0;
        let half = (opposite.x - best.x) / 2.0;
        if half.abs() <= tolerance || best.y == 0.0 {
            return best.x;
        }
        let mut step = half;
        if last_step.abs() >= tolerance && before.y.abs() > best.y.abs() {
            step = interpolated(before, best, opposite, last_step, tolerance).unwrap_or(half);
        }
        if step.abs() < tolerance {
            step = if step > 0.0 { tolerance } else { -tolerance };
        }
        before = best;
        let x = best.x + step;
        best = Point { x, y: value(x) };
        if (best.y > 0.0 && opposite.y > 0.0) || (best.y < 0.0 && opposite.y < 0.0) {
            opposite = before;
        }
    }
    best.x
}

/// The step that interpolation proposes; none if it leads out of the bracket or is no better than halving.
#[expect(clippy::float_cmp, reason = "one point or two, by identity")]
fn interpolated(before: Point, best: Point, opposite: Point, last_step: f64, tolerance: f64) -> Option<f64> {
    let width = opposite.x - best.x;
    // The step is p/q; the division waits until it is known to be wanted.
    let (mut p, mut q) = if before.x == opposite.x {
        let slope = best.y / before.y;
        (width * slope, 1.0 - slope)
    } else {
        let (a, b, c) = (before.y / opposite.y, best.y / opposite.y, best.y / before.y);
        (c * (width * a * (a - b) - (best.x - before.x) * (b - 1.0)), (a - 1.0) * (b - 1.0) * (c - 1.0))
    };
    if p > 0.0 {
        q = -q;
    } else {
        p = -p;
    }
    let inside = p < 0.75 * width * q - (tolerance * q).abs() / 2.0;
    let faster = p < (last_step * q / 2.0).abs();
    (inside && faster).then(|| p / q)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the very same number is meant")]
mod tests {
    use super::*;

    fn point(x: f64, value: impl Fn(f64) -> f64) -> Point {
        Point { x, y: value(x) }
    }

    #[test]
    fn the_root_of_a_smooth_function_is_found() {
        let cube = |x: f64| x * x * x - 2.0;
        let found = root(point(0.0, cube), point(4.0, cube), cube);
        assert!((found - 1.259_921_049_894_873).abs() < 1e-4, "{found}");
    }

    #[test]
    fn an_end_that_is_a_root_is_the_answer() {
        let line = |x: f64| x - 1.0;
        assert_eq!(root(point(1.0, line), point(2.0, line), line), 1.0);
        assert_eq!(root(point(0.0, line), point(1.0, line), line), 1.0);
    }
}
