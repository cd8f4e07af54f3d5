import Distillation
import Foundation

/// Expectations of losses that re-weight the difference of two predictions, with independent formulas in Double.
extension LossExpectation {
    /// g = ω (ε̂_T − ε); E[g] is the gradient of the noise-averaged energy, at whose minimum the distribution has collapsed.
    public static func scoreDistillation(_ loss: ScoreDistillationSampling) -> LossExpectation {
        var expectation = LossExpectation(optimum: .collapse, vanishesAtAgreement: false)
        expectation.gradient = { sample in
            scaled(
                difference(sample.teacherEpsilon(guidedBy: loss.teacherGuidanceScale), sample.noise),
                sample.weight(loss.weight))
        }
        expectation.pull = { place in
            let slope = place.weight(loss.weight) * place.sigma * place.alpha / place.dataVariance
            return Pull(mean: slope * (place.mean - place.dataMean), deviation: slope * place.deviation)
        }
        expectation.divergence = { place in
            let slope = place.weight(loss.weight) * place.sigma * place.alpha / place.dataVariance
            return slope / 2 * (pow(place.mean - place.dataMean, 2) + pow(place.deviation, 2))
        }
        return expectation
    }

    /// g = ω (ε̂_T − ε̂_F); E[g] is ω σ/α times the gradient of KL(q_t ‖ p_t). With guidance at timesteps t′ of its own,
    /// g = ω(t) (ε̂_T − ε̂_F) + ω(t′) (κ_T − κ_F) (ε_T(c) − ε_T(∅)), both networks in the first term guided by κ_F.
    public static func variational(_ loss: VariationalScoreDistillation) -> LossExpectation {
        let scales = (loss.teacherGuidanceScale, loss.fakeScoreGuidanceScale)
        var expectation = weightedKL { $0.weight(loss.weight) * $0.sigma / $0.alpha }
        expectation.guidedOptimum = scales.0 == scales.1 ? .teacher : scales.0 > scales.1 ? .further : .unknown
        expectation.vanishesAtAgreement = scales.0 == scales.1
        guard loss.guidanceTimesteps != nil else {
            expectation.needsTimelyFakeScore = scales.0 == scales.1
            expectation.gradient = { sample in
                scaled(
                    difference(sample.teacherEpsilon(guidedBy: scales.0), sample.fakeEpsilon(guidedBy: scales.1)),
                    sample.weight(loss.weight))
            }
            return expectation
        }
        var undivided = loss
        undivided.guidanceTimesteps = nil
        expectation.atEqualTimesteps = undivided
        expectation.gradient = { sample in
            let again = sample.guidance
            let matching = difference(
                sample.teacherEpsilon(guidedBy: scales.1), sample.fakeEpsilon(guidedBy: scales.1))
            let direction = difference(again.teacherEpsilon(guidedBy: 1), again.teacherEpsilon(guidedBy: 0))
            return zip(
                scaled(matching, sample.weight(loss.weight)),
                scaled(direction, again.weight(loss.weight) * (scales.0 - scales.1))
            ).map { $0 + $1 }
        }
        return expectation
    }

    /// The same as VSD, with κ ~ U(κ_min, κ_max) from the loss's random stream.
    public static func randomGuidance(_ loss: RandomGuidanceDistillation) -> LossExpectation {
        var expectation = weightedKL { $0.weight(loss.weight) * $0.sigma / $0.alpha }
        expectation.guidedOptimum = .teacher
        expectation.gradient = { sample in
            var stream = sample.stream
            let range = loss.guidanceScales
            let scale = range.lowerBound + (range.upperBound - range.lowerBound) * Double(stream.unit())
            return scaled(
                difference(sample.teacherEpsilon(guidedBy: scale), sample.fakeEpsilon(guidedBy: scale)),
                sample.weight(loss.weight))
        }
        return expectation
    }

    /// g = w (f_F − f̂_T); E[g] is w σ²/α² times the gradient of KL(q_t ‖ p_t).
    public static func diffInstruct(_ loss: DiffInstruct) -> LossExpectation {
        var expectation = weightedKL { $0.weight(loss.weight) * $0.sigma * $0.sigma / ($0.alpha * $0.alpha) }
        expectation.guidedOptimum = loss.teacherGuidanceScale == 1 ? .teacher : .further
        expectation.vanishesAtAgreement = loss.teacherGuidanceScale == 1
        expectation.coverage = .unknown
        expectation.gradient = { sample in
            scaled(
                difference(sample.fakeOriginal(), sample.teacherOriginal(guidedBy: loss.teacherGuidanceScale)),
                sample.weight(loss.weight))
        }
        return expectation
    }

    /// g = (f_F − f̂_T)/(mean|x̂₀ − f̂_T| + c), written in terms of x₀, unlike the loss's own code.
    public static func distributionMatching(_ loss: DistributionMatchingDistillation) -> LossExpectation {
        var expectation = LossExpectation.matchesData
        expectation.guidedOptimum = loss.teacherGuidanceScale == 1 ? .teacher : .further
        expectation.vanishesAtAgreement = loss.teacherGuidanceScale == 1
        expectation.gradient = { matchingGradient($0, loss.teacherGuidanceScale, offset: loss.denominatorOffset) }
        return expectation
    }

    static func matchingGradient(_ sample: ReferenceSample, _ scale: Double, offset: Double) -> [Double] {
        let teacher = sample.teacherOriginal(guidedBy: scale)
        let size = meanDistance(sample.original, teacher)
        return scaled(difference(sample.fakeOriginal(), teacher), 1 / (size + offset))
    }

    /// h(r) g_KL, r in closed form. If the loss is exact, E[g] is the gradient of D_f(p_t ‖ q_t), computed by quadrature.
    public static func fDivergence(_ loss: FDivergenceDistillation) -> LossExpectation {
        var expectation = LossExpectation.matchesData
        expectation.vanishesAtAgreement = loss.teacherGuidanceScale == 1
        guard !loss.isNormalized else {
            expectation.isPerSample = false
            return expectation
        }
        expectation.gradient = { sample in
            let ratio = min(max(exp(sample.discriminatorLogit), loss.ratios.lowerBound), loss.ratios.upperBound)
            let matching =
                loss.isExact
                ? scaled(
                    difference(sample.teacherEpsilon(guidedBy: loss.teacherGuidanceScale), sample.fakeEpsilon()),
                    sample.alpha / sample.sigma)
                : matchingGradient(sample, loss.teacherGuidanceScale, offset: 1e-6)
            return scaled(matching, loss.divergence.weight(ratio))
        }
        guard loss.isExact else { return expectation }
        expectation.divergence = { $0.divergence(loss.divergence) }
        expectation.coverage = .unknown
        // The weight is astronomically large where the student's samples are far from the data.
        if loss.divergence == .neyman { expectation.optimum = .unknown }
        return expectation
    }

    /// The expectation of a loss whose E[g] is `weight` times the gradient of KL(q_t ‖ p_t).
    public static func weightedKL(_ weight: @escaping @Sendable (GaussianCase) -> Double) -> LossExpectation {
        var expectation = LossExpectation.matchesData
        expectation.pull = { place in
            let (pull, factor) = (place.reverseKLPull, weight(place))
            return Pull(mean: factor * pull.mean, deviation: factor * pull.deviation)
        }
        expectation.divergence = { weight($0) * $0.reverseKL }
        return expectation
    }
}

extension GaussianCase {
    /// D_f(p_t ‖ q_t) = ∫ q f(p/q), f scaled so that f″(r) = h(r)/r².
    func divergence(_ kind: FDivergenceDistillation.Divergence) -> Double {
        let (m, n) = (alpha * dataMean, alpha * mean)
        let (v, w) = (dataVariance, variance)
        func f(_ r: Double) -> Double {
            switch kind {
            case .reverseKL: -log(r)
            case .softenedReverseKL: (1 + r) * (log(1 + r) - log(r))
            case .jensenShannon: r * log(r) - (1 + r) * log(1 + r)
            case .squaredHellinger: -4 * r.squareRoot()
            case .forwardKL: r * log(r)
            case .jeffreys: (r - 1) * log(r)
            case .neyman: 1 / (2 * r)
            }
        }
        let step = 0.01
        let half = Int(14 / step)
        return (-half...half).reduce(0.0) { sum, i in
            let u = Double(i) * step
            let x = n + w.squareRoot() * u
            let q = exp(-u * u / 2) / (2 * Double.pi).squareRoot()
            let logRatio = -0.5 * (pow(x - m, 2) / v + log(v)) + 0.5 * (u * u + log(w))
            return q < 1e-280 ? sum : sum + q * f(exp(logRatio)) * step
        }
    }
}

/// Σ|a − b|/n.
func meanDistance(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(a.count)
}

/// a − b.
func difference(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 - $1 } }

/// c a.
func scaled(_ a: [Double], _ c: Double) -> [Double] { a.map { c * $0 } }
