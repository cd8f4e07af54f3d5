import Distillation
import Foundation

extension LossContract {
    /// The contracts of all losses of this library, each with its published settings, some with other settings too.
    public static var shipped: [LossContract] {
        matching + throughTheNetworks + divergences + terms + combinations + firstSteps
    }

    /// Losses whose first step is a regression.
    private static var firstSteps: [LossContract] {
        func contract(_ later: some DistillationLoss, _ title: String) -> LossContract {
            let loss = FirstStepRegression(later)
            var regression = PairRegression()
            regression.weight = loss.weight
            var expectation = LossExpectation.regression(regression)
            expectation.atLaterSteps = later
            return LossContract(loss, expecting: expectation, title: title)
        }
        return [
            contract(DistributionMatchingDistillation(), "DP-DMD"),
            contract(ScoreDistillationSampling(), "SDS, first step regressed"),
            contract(VariationalScoreDistillation(), "VSD, first step regressed"),
            contract(RandomGuidanceDistillation(), "PG-SB, first step regressed"),
            contract(DiffInstruct(), "Diff-Instruct, first step regressed"),
            contract(ScoreIdentityDistillation(), "SiD, first step regressed"),
            contract(ScoreImplicitMatching(), "SIM, first step regressed"),
            contract(FDivergenceDistillation(), "f-distill, first step regressed"),
            contract(DMD2(), "DMD2 with GAN, first step regressed"),
            contract(SwiftBrushV2(), "SwiftBrush v2, first step regressed"),
        ]
    }

    /// Losses that re-weight the difference of two predictions.
    private static var matching: [LossContract] {
        var distribution = DistributionMatchingDistillation()
        distribution.teacherGuidanceScale = 1
        var decoupled = VariationalScoreDistillation(guidanceScale: 1)
        (decoupled.teacherGuidanceScale, decoupled.guidanceTimesteps) = (4.5, 400..<981)
        var between = decoupled
        between.fakeScoreGuidanceScale = 2
        return [
            LossContract(
                ScoreDistillationSampling(), expecting: .scoreDistillation(ScoreDistillationSampling()),
                title: "SDS (DreamFusion)"),
            LossContract(
                VariationalScoreDistillation(), expecting: .variational(VariationalScoreDistillation()),
                title: "VSD (SwiftBrush)"),
            LossContract(
                VariationalScoreDistillation.prolificDreamer, expecting: .variational(.prolificDreamer),
                title: "VSD (ProlificDreamer)"),
            LossContract(decoupled, expecting: .variational(decoupled), title: "VSD with decoupled guidance"),
            LossContract(between, expecting: .variational(between), title: "VSD with decoupled guidance, κ_F = 2"),
            LossContract(
                RandomGuidanceDistillation(), expecting: .randomGuidance(RandomGuidanceDistillation()),
                title: "PG-SB (SNOOPI)"),
            LossContract(DiffInstruct(), expecting: .diffInstruct(DiffInstruct()), title: "Diff-Instruct"),
            LossContract(
                DistributionMatchingDistillation(), expecting: .distributionMatching(.init()), title: "DMD, DMD2"),
            LossContract(
                distribution, expecting: .distributionMatching(distribution), title: "DMD without guidance"),
        ]
    }

    /// Losses that differentiate through both networks.
    private static var throughTheNetworks: [LossContract] {
        var general = ScoreIdentityDistillation()
        general.alpha = 1.2
        // A denominator larger than any distance, so that w is the constant 1/1000 of the closed forms.
        var constant = ScoreIdentityDistillation()
        constant.smallestDenominator = 1000
        var squared = ScoreImplicitMatching()
        squared.distance = .squared
        return [
            LossContract(ScoreIdentityDistillation(), expecting: .scoreIdentity(.init()), title: "SiD"),
            LossContract(general, expecting: .scoreIdentity(general), title: "SiD, a = 1.2"),
            LossContract(constant, expecting: .scoreIdentity(constant), title: "SiD, constant weight"),
            LossContract(
                ScoreIdentityDistillation.longShortGuidance(), expecting: .scoreIdentity(.longShortGuidance()),
                title: "SiD-LSG"),
            LossContract(ScoreImplicitMatching(), expecting: .implicitMatching(.init()), title: "SIM"),
            LossContract(squared, expecting: .implicitMatching(squared), title: "SIM, squares"),
        ]
    }

    /// f-distill as published, and with the exact gradient of each divergence.
    private static var divergences: [LossContract] {
        let exact = FDivergenceDistillation.Divergence.allCases.map { divergence in
            var loss = FDivergenceDistillation()
            (loss.divergence, loss.isExact, loss.isNormalized) = (divergence, true, false)
            (loss.ratios, loss.teacherGuidanceScale) = (1e-9...1e9, 1)
            return LossContract(loss, expecting: .fDivergence(loss), title: "f-distill, exact \(divergence)")
        }
        return [
            LossContract(
                FDivergenceDistillation(), expecting: .fDivergence(.init()), title: "f-distill (Jensen–Shannon)")
        ] + exact
    }

    /// Terms that are added to another loss, and losses on data.
    private static var terms: [LossContract] {
        var decoded = PairRegression()
        decoded.isDecoded = true
        // A threshold between the rewards of the small problem, so that some are clamped.
        var alignment = AlignmentTerm()
        (alignment.threshold, alignment.decaySteps) = (0.5, 10)
        return [
            LossContract(PairRegression(), expecting: .regression(.init()), title: "DMD's regression"),
            LossContract(decoded, expecting: .regression(decoded), title: "DMD's regression, decoded"),
            LossContract(AdversarialTerm(), expecting: .adversarial(.init()), title: "DMD2's adversarial term"),
            LossContract(alignment, expecting: .alignment(alignment), title: "clamped alignment (SwiftBrush v2)"),
            LossContract(LatentConsistency(), expecting: .consistency(.init()), title: "LCM"),
        ]
    }

    /// Published sums of losses.
    private static var combinations: [LossContract] {
        [
            LossContract(
                DMD(), expecting: .sum(.distributionMatching(DMD().first), .regression(.init())),
                title: "DMD with regression"),
            LossContract(
                DMD2(), expecting: .sum(.distributionMatching(.init()), .adversarial(.init())), title: "DMD2 with GAN"),
            LossContract(
                SwiftBrushV2(), expecting: .sum(.variational(.init()), .alignment(.init())), title: "SwiftBrush v2"),
            LossContract(
                AlignedRandomGuidance(),
                expecting: .sum(.randomGuidance(.init()), .alignment(AlignedRandomGuidance().second)), title: "SNOOPI"),
            LossContract(
                AlignedImplicitMatching(),
                expecting: .sum(.implicitMatching(.init()), .alignment(AlignedImplicitMatching().second)), title: "DI*"),
        ]
    }
}
