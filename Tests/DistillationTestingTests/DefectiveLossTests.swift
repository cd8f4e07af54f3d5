import Autograd
import Distillation
import DistillationTesting
import Tensor
import Testing

/// Variational score distillation without guidance and with a defect, which its contract must report.
private struct DefectiveLoss: DistillationLoss {
    enum Defect: String, Codable, CaseIterable {
        case none, channelsReversed, channelDropped, channelWeights, rowsReversed, normPerChannel, normOverBatch
        case pooledPixels, pooledChannels, pooledBatch, flattened, sidesSwapped, notANumber, infinite, throwing
        case throwingForManySamples, pooledForManySamples, notANumberForManySamples, remembering
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static let name = "defective"
    var defect: Defect
    var timesteps = 20..<981
    var couplesSamples = true
    var needs: LossNeeds { [.teacher, .fakeScore] }

    func gradient(_ input: LossInput) throws -> LossGradient {
        let difference = (input.teacher.epsilon() - input.fakeScore.epsilon()) * input.weights(.noise)
        let g = difference.value
        let isLarge = g.shape[0] > 100
        return switch defect {
        case .none: LossGradient(g)
        case .remembering: LossGradient(g, memory: ["last": g])
        case .channelsReversed: LossGradient(reversed(g, axis: 3))
        case .channelDropped: LossGradient(g * ramp(g) { $0 == 0 ? 0 : 1 })
        case .channelWeights: LossGradient(g * ramp(g) { 1 + Float($0) })
        case .rowsReversed: LossGradient(reversed(g, axis: 1))
        case .normPerChannel: LossGradient(normed(difference, over: [1, 2]))
        case .normOverBatch: LossGradient(normed(difference, over: [0, 1, 2, 3]))
        case .pooledPixels: LossGradient(g.mean(alongAxes: [1, 2], keepingDimensions: true))
        case .pooledChannels: LossGradient(g.mean(alongAxes: [3], keepingDimensions: true))
        case .pooledBatch: LossGradient(g.mean(alongAxes: [0, 1, 2, 3], keepingDimensions: false))
        case .flattened: LossGradient(g.reshaped(to: [g.shape[0], g.count / g.shape[0]]))
        case .sidesSwapped: LossGradient(g.transposed([0, 2, 1, 3]))
        case .notANumber: LossGradient(g * .nan)
        case .infinite: LossGradient(g / 0)
        case .throwing: throw Failure(description: "no such weight")
        case .throwingForManySamples:
            if isLarge { throw Failure(description: "no such weight") } else { LossGradient(g) }
        case .pooledForManySamples: LossGradient(isLarge ? g.mean(alongAxes: [0], keepingDimensions: true) : g)
        case .notANumberForManySamples: LossGradient(isLarge ? g * .nan : g)
        }
    }

    private func normed(_ g: Variable, over axes: [Int]) -> Variable {
        g / g.absolute().mean(alongAxes: axes, keepingDimensions: true)
    }

    private func reversed(_ g: Tensor, axis: Int) -> Tensor {
        .concatenate((0..<g.shape[axis]).reversed().map { g.sliced(axis: axis, $0..<$0 + 1) }, axis: axis)
    }

    /// A weight for each channel.
    private func ramp(_ g: Tensor, _ weight: (Int) -> Float) -> Tensor {
        Tensor((0..<g.shape[3]).map(weight), shape: [g.shape[3]])
    }
}

/// Losses with one defect each under the default expectation, which states no formula.
@Suite("Defective losses")
struct DefectiveLossTests {
    private func report(
        _ defect: DefectiveLoss.Defect, _ change: (inout LossExpectation) -> Void = { _ in }
    ) -> ContractReport {
        var expectation = LossExpectation.matchesData
        change(&expectation)
        return LossContract(DefectiveLoss(defect: defect), expecting: expectation).run()
    }

    @Test("Without a defect the loss passes")
    func none() {
        let report = report(.none)
        #expect(report.passed, "\(report)")
    }

    @Test("Mistakes between channels, pixels and samples fail the default expectation")
    func mistakes() {
        let expected: [(DefectiveLoss.Defect, String)] = [
            (.channelsReversed, "arrangement"), (.channelsReversed, "optimum: mean"),
            (.channelDropped, "arrangement"), (.channelDropped, "optimum: mean"), (.channelWeights, "arrangement"),
            (.rowsReversed, "arrangement"), (.normPerChannel, "arrangement"), (.normOverBatch, "batch independence"),
        ]
        for (defect, check) in expected {
            let report = report(defect) { $0.coverage = .unknown }
            #expect(report.failures.map(\.name).contains(check), "\(defect)\n\(report)")
        }
    }

    @Test("A loss that wrongly denies that it couples samples fails, whatever is expected of it")
    func coupling() {
        let check = "batch independence"
        for defect in [DefectiveLoss.Defect.normOverBatch, .remembering] {
            var expectation = LossExpectation.matchesData
            (expectation.isPerSample, expectation.coverage) = (false, .unknown)
            var loss = DefectiveLoss(defect: defect)
            let honest = LossContract(loss, expecting: expectation).run()
            #expect(!honest.failures.map(\.name).contains(check), "\(honest)")
            loss.couplesSamples = false
            let wrong = LossContract(loss, expecting: expectation).run()
            #expect(wrong.failures.map(\.name).contains(check), "\(wrong)")
        }
    }

    @Test("A loss that does not treat elements alike must still converge in every channel")
    func filters() {
        for defect in [DefectiveLoss.Defect.channelsReversed, .channelDropped] {
            let report = report(defect) { ($0.treatsElementsAlike, $0.coverage) = (false, .unknown) }
            let known = ["optimum", "two steps"]
            #expect(
                report.failures.allSatisfy { failure in known.contains { failure.name.hasPrefix("\($0): ") } },
                "\(report)")
            #expect(!report.passed, "\(report)")
        }
        let weights = report(.channelWeights) { $0.treatsElementsAlike = false }
        #expect(weights.passed, "\(weights)")
    }

    @Test("A gradient of another shape is one failed check with both shapes")
    func shapes() {
        let found: [(DefectiveLoss.Defect, String)] = [
            (.pooledPixels, "[5, 1, 1, 4]"), (.pooledChannels, "[5, 2, 3, 1]"), (.pooledBatch, "[]"),
            (.flattened, "[5, 24]"), (.sidesSwapped, "[5, 3, 2, 4]"),
        ]
        for (defect, shape) in found {
            let report = report(defect)
            #expect(report.checks.map(\.name) == ["shape"] && !report.passed, "\(defect)\n\(report)")
            #expect("\(report)".contains("expected [5, 2, 3, 4], the shape of x0, found \(shape);"), "\(report)")
        }
    }

    @Test("A loss that throws is one failed check with its error")
    func errors() {
        let report = report(.throwing)
        #expect(report.checks.map(\.name) == ["no error"] && !report.passed)
        #expect("\(report)".contains("the loss threw: no such weight;"), "\(report)")
    }

    @Test("Gradients that are not finite are counted", arguments: [DefectiveLoss.Defect.notANumber, .infinite])
    fileprivate func nonFinite(defect: DefectiveLoss.Defect) {
        let report = report(defect)
        #expect(report.checks.map(\.name) == ["shape", "finite"] && report.failures.map(\.name) == ["finite"])
        #expect("\(report)".contains("expected 120 finite numbers, found 120 that are not"), "\(report)")
    }

    @Test("A defect that appears in later checks fails those")
    func later() {
        let throwing = report(.throwingForManySamples)
        #expect(throwing.failures.map(\.name) == ["optimum: no error", "mixture: no error"], "\(throwing)")
        let pooled = report(.pooledForManySamples)
        #expect(pooled.failures.map(\.name) == ["optimum: shape", "mixture: shape"], "\(pooled)")
        let silent = report(.notANumberForManySamples)
        #expect(silent.failures.map(\.name) == ["optimum: finite", "mixture: finite"], "\(silent)")
    }
}
