import Distillation
import Foundation

/// Expectations of losses that are defined by objectives, with independent formulas in Double.
extension LossExpectation {
    /// w [(f_T − f_F)·(f_F − x̂₀) + (1 − a) ‖f_T − f_F‖²]. For a = 1 and a constant w, E[g] is w times σ⁴ (μ − m)/(V W) and
    /// 2 α² τ σ⁴ (τ² − s²)/(V W²).
    public static func scoreIdentity(_ loss: ScoreIdentityDistillation) -> LossExpectation {
        var expectation = LossExpectation.matchesData
        let scales = (loss.teacherGuidanceScale, loss.fakeScoreGuidanceScale)
        expectation.vanishesAtAgreement = scales.0 == scales.1
        expectation.guidedOptimum = scales.0 == scales.1 && loss.alpha == 1 ? .teacher : .unknown
        // For a ≠ 1 the objective also contains ‖f_T − f_F‖², which dominates far from the data.
        if loss.alpha != 1 { (expectation.optimum, expectation.coverage) = (.unknown, .unknown) }
        expectation.objective = { sample, fixed in
            let size = meanDistance(fixed.original, fixed.teacherOriginal(guidedBy: scales.0))
            let fake = sample.fakeOriginal(guidedBy: scales.1)
            let apart = difference(sample.teacherOriginal(guidedBy: scales.0), fake)
            let identity = dot(apart, difference(fake, sample.original))
            return (identity + (1 - loss.alpha) * dot(apart, apart)) / max(size, loss.smallestDenominator)
        }
        if loss.alpha == 1, loss.smallestDenominator >= 100 {
            expectation.pull = { scoreIdentityPull($0, factor: 1 / loss.smallestDenominator) }
        }
        return expectation
    }

    /// −w d′(y)·(s_F + ε/σ), y = s_F − s_T. With the squared distance it is α²/σ⁴ times SiD's.
    public static func implicitMatching(_ loss: ScoreImplicitMatching) -> LossExpectation {
        var expectation = LossExpectation.matchesData
        expectation.guidedOptimum = loss.teacherGuidanceScale == 1 ? .teacher : .unknown
        expectation.coverage = .unknown
        expectation.objective = { sample, _ in
            let fake = sample.fakeScore()
            let apart = difference(fake, sample.teacherScore(guidedBy: loss.teacherGuidanceScale))
            let given = zip(fake, sample.noise).map { $0 + $1 / sample.sigma }
            var norm = 1.0
            if case .pseudoHuber(let c) = loss.distance { norm = (dot(apart, apart) + c * c).squareRoot() }
            return -sample.weight(loss.weight) * dot(apart, given) / norm
        }
        if loss.distance == .squared {
            expectation.pull = { place in
                let (square, noise) = (pow(place.alpha, 2), pow(place.sigma, 4))
                return scoreIdentityPull(place, factor: place.weight(loss.weight) * square / noise)
            }
        }
        return expectation
    }

    private static func scoreIdentityPull(_ place: GaussianCase, factor: Double) -> Pull {
        let (noise, v, w) = (pow(place.sigma, 4), place.dataVariance, place.variance)
        let squares = pow(place.deviation, 2) - pow(place.dataDeviation, 2)
        return Pull(
            mean: factor * noise * (place.mean - place.dataMean) / (v * w),
            deviation: factor * 2 * pow(place.alpha, 2) * place.deviation * noise * squares / (v * w * w))
    }

    /// λ Σ (x̂₀ − y)², or λ Σ (2 x̂₀ − 2 y)² if decoded images are compared.
    public static func regression(_ loss: PairRegression) -> LossExpectation {
        var expectation = LossExpectation.isTerm
        expectation.objective = { sample, _ in
            let apart = difference(sample.original, sample.target)
            return loss.weight * (loss.isDecoded ? 4 : 1) * dot(apart, apart)
        }
        return expectation
    }

    /// λ n softplus(−D). With the optimal discriminator its optimum is the data.
    public static func adversarial(_ loss: AdversarialTerm) -> LossExpectation {
        var expectation = LossExpectation.matchesData
        expectation.coverage = .unknown
        expectation.objective = { sample, _ in
            loss.weight * Double(sample.original.count) * log1p(exp(-sample.discriminatorLogit))
        }
        return expectation
    }

    /// λ n max(0, τ − R), with λ at step 3, the step of the problem's batch.
    public static func alignment(_ loss: AlignmentTerm) -> LossExpectation {
        var expectation = LossExpectation.isTerm
        let decay = loss.decaySteps.map { 1 - 3 / Double($0) } ?? 1
        expectation.objective = { sample, _ in
            loss.weight * decay * Double(sample.original.count)
                * (loss.threshold.map { max(0, $0 - sample.reward) } ?? -sample.reward)
        }
        return expectation
    }

    /// Σ √((x̂₀ − y)² + c²), y the student's x₀ after one DDIM step of the guided teacher.
    public static func consistency(_ loss: LatentConsistency) -> LossExpectation {
        var expectation = LossExpectation.isTerm
        expectation.objective = { sample, fixed in
            var stream = fixed.stream
            let range = loss.guidanceScales
            let scale = range.lowerBound + (range.upperBound - range.lowerBound) * Double(stream.unit())
            let earlier = fixed.earlier(by: loss.skippedTimesteps)
            let stepped = zip(fixed.teacherOriginal(guidedBy: scale), fixed.teacherEpsilon(guidedBy: scale))
                .map { earlier.alpha * $0 + earlier.sigma * $1 }
            let target = earlier.timestep == 0 ? stepped : fixed.studentOriginal(of: stepped, at: earlier.timestep)
            return difference(sample.original, target).reduce(0) {
                $0 + ($1 * $1 + loss.huberConstant * loss.huberConstant).squareRoot()
            }
        }
        return expectation
    }

    /// The expectation of the sum of two losses: properties that both share, and the sum of their objectives.
    public static func sum(_ first: LossExpectation, _ second: LossExpectation) -> LossExpectation {
        var expectation = LossExpectation(
            optimum: first.optimum == second.optimum ? first.optimum : .unknown,
            vanishesAtAgreement: first.vanishesAtAgreement && second.vanishesAtAgreement)
        expectation.coverage = first.coverage == second.coverage ? first.coverage : .unknown
        expectation.isPerSample = first.isPerSample && second.isPerSample
        expectation.treatsElementsAlike = first.treatsElementsAlike && second.treatsElementsAlike
        expectation.objective = { sample, fixed in
            func part(_ expectation: LossExpectation) -> Double {
                // A gradient in closed form is replaced by the linear objective with that gradient.
                expectation.objective?(sample, fixed) ?? expectation.gradient.map { dot($0(fixed), sample.original) }
                    ?? .nan
            }
            return part(first) + part(second)
        }
        return expectation
    }
}

/// Σ a b.
private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
