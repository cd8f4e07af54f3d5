import Distillation
import Foundation

extension ComparePictures {
    /// The settings of a loss's distillation.
    func settings(_ published: PublishedLoss) -> DistillationConfiguration {
        var settings = DistillationConfiguration()
        (settings.batchSize, settings.seed) = (batch, seed)
        (settings.studentLearningRate, settings.fakeScoreLearningRate) = (studentLearningRate, fakeScoreLearningRate)
        settings.setAdapterRank(rank)
        settings.adapterTargets = adapterTargets
        settings.fakeScoreTraining = published.fakeScoreTraining(for: published.loss)
        return settings
    }

    /// The first cells of a table row: means over the last tenth of the run.
    func row(_ published: PublishedLoss, _ steps: [DistillationStep]) -> String {
        let last = steps.suffix(max(1, steps.count / 10))
        func mean(_ value: (DistillationStep) -> Double) -> Double {
            last.reduce(0) { $0 + value($1) } / Double(last.count)
        }
        return String(
            format: "| %@ | %d | %.3g | %.3g | %.4f | %.2f |", published.rawValue, steps.count,
            mean(\.studentGradientNorm), mean(\.fakeScoreGradientNorm), mean(\.fakeScoreLoss), mean(\.seconds))
    }
}
