import Foundation

/// The beta distribution with density x^(a−1) (1 − x)^(b−1) / B(a, b).
struct BetaDistribution {
    private let a: Double
    private let b: Double
    private let logBeta: Double

    /// The distribution with parameters `a` and `b`, both positive.
    init(_ a: Double, _ b: Double) {
        (self.a, self.b) = (a, b)
        logBeta = lgamma(a) + lgamma(b) - lgamma(a + b)
    }

    /// The probability of a value up to x: the regularised incomplete beta function I_x(a, b).
    func probability(upTo x: Double) -> Double {
        if x <= 0 { return 0 }
        if x >= 1 { return 1 }
        let front = exp(a * log(x) + b * log1p(-x) - logBeta)
        // The continued fraction converges fast on this side of the mean.
        if x < (a + 1) / (a + b + 2) { return front * fraction(a, b, x) / a }
        return 1 - front * fraction(b, a, 1 - x) / b
    }

    /// The quantile of a probability from 0 to 1.
    func quantile(_ probability: Double) -> Double {
        if probability <= 0 { return 0 }
        if probability >= 1 { return 1 }
        // Computing in the smaller tail keeps precision.
        if probability > 0.5 { return 1 - BetaDistribution(b, a).quantile(1 - probability) }
        var (low, high) = (0.0, 1.0)
        var x = exp((log(probability * a) + logBeta) / a)
        for _ in 0..<200 {
            if !(x > low && x < high) { x = (low + high) / 2 }
            let difference = self.probability(upTo: x) - probability
            if difference > 0 { high = x } else { low = x }
            let density = exp((a - 1) * log(x) + (b - 1) * log1p(-x) - logBeta)
            let next = x - difference / density
            if abs(next - x) <= 1e-16 * x || high - low <= 1e-16 * x { return next > 0 && next < 1 ? next : x }
            x = next
        }
        return x
    }

    /// The continued fraction of I_x(a, b) by Lentz's method (Numerical Recipes 6.4).
    private func fraction(_ a: Double, _ b: Double, _ x: Double) -> Double {
        func kept(_ value: Double) -> Double { abs(value) < 1e-300 ? 1e-300 : value }
        var c = 1.0
        var d = 1 / kept(1 - (a + b) * x / (a + 1))
        var product = d
        for index in 1...500 {
            let m = Double(index)
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            d = 1 / kept(1 + even * d)
            c = kept(1 + even / c)
            product *= d * c
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            d = 1 / kept(1 + odd * d)
            c = kept(1 + odd / c)
            product *= d * c
            if abs(d * c - 1) < 1e-16 { break }
        }
        return product
    }
}
