import ArgumentParser
import Autograd
import Distillation
import DistillationTesting
import SwiftBrushCommands

/// A loss that nobody has published: variational score distillation in which the gradients of all samples have about
/// the same norm.
///
/// g = y/√(mean y² + c²), y = ε̂_T − ε̂_F, both guided by κ, the mean over a sample's elements.
struct EvenScoreDistillation: DistillationLoss {
    static let name = "even-score-distillation"

    /// κ of both networks.
    var guidanceScale = 4.5
    /// c, the size below which differences are damped.
    var offset = 0.01
    /// Timesteps are sampled uniformly from this range.
    var timesteps = 20..<981

    var needs: LossNeeds { [.teacher(guidedBy: guidanceScale), .fakeScore(guidedBy: guidanceScale)] }

    func gradient(_ input: LossInput) -> LossGradient {
        let difference =
            input.teacher.epsilon(guidedBy: guidanceScale) - input.fakeScore.epsilon(guidedBy: guidanceScale)
        let square = difference.squared().mean(alongAxes: [1, 2, 3], keepingDimensions: true)
        let size = (square + Float(offset * offset)).squareRoot()
        return LossGradient(difference / size, diagnostics: ["size": size.value.mean()])
    }
}

@main
struct NewLoss: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "new-loss",
        abstract: "Checks the loss in this example's source, the start of one of your own, against theory.")

    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func run() throws {
        let loss = EvenScoreDistillation()
        var expectation = LossExpectation.matchesData
        expectation.guidedOptimum = .teacher
        expectation.gradient = { sample in
            let teacher = sample.teacherEpsilon(guidedBy: loss.guidanceScale)
            let difference = zip(teacher, sample.fakeEpsilon(guidedBy: loss.guidanceScale)).map { $0 - $1 }
            let square = difference.reduce(0) { $0 + $1 * $1 } / Double(difference.count)
            return difference.map { $0 / (square + loss.offset * loss.offset).squareRoot() }
        }
        let report = LossContract(loss, expecting: expectation).run()
        print(report)
        if !report.passed { throw ExitCode.failure }
    }
}
