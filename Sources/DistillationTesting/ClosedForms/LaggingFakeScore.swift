import DiffusionModels
import Distillation
import Tensor

/// A student N(μ, τ²) and a fake score with the same two parameters, trained in turn on normally distributed data: what happens when the
/// fake score learns too slowly, and what implicit distribution alignment changes.
package struct LaggingFakeScore {
    /// The loss that trains the student.
    package let loss: any DistillationLoss
    /// The mean and deviation of the data.
    package var data = LinearGaussian(mean: 1.5, deviation: 0.7)
    /// The fake score's learning rate; 0.5 follows the student, a 25th of it does not.
    package var learningRate = 0.02
    /// λ of the alignment; nil for none.
    package var alignment: Double?
    /// The seed of all random numbers.
    package var seed: UInt64 = 0

    /// A run of a loss.
    package init(_ loss: any DistillationLoss) { self.loss = loss }

    /// The student's mean and deviation, averaged over the last quarter of 1500 steps with batches of 16.
    package func run() throws -> (mean: Double, deviation: Double) {
        let schedule = NoiseSchedule.scaledLinear()
        let generator = GaussianGenerator(mean: Float(data.mean) - 3.5, deviation: Float(data.deviation) + 1.1)
        let network = GaussianGenerator(mean: 0, deviation: 1).trainableScore(schedule: schedule)
        let fakeScore = FakeScore(network: network, parameters: network.parameters)
        let teacher = GaussianPredictor(
            mean: Float(data.mean), deviation: Float(data.deviation), schedule: schedule)
        let flow = DistillationFlow(
            loss, generator: generator,
            networks: ScoreNetworks(teacher: teacher, fakeScore: network, schedule: schedule))
        var stream = RandomStream(seed: seed)
        var (mean, deviation) = (0.0, 0.0)
        for step in 0..<1500 {
            let samples = FlowSamples(random: 16, timesteps: loss.timesteps, using: &stream)
            let batch = try flow.step(samples, stepSize: 0.05)
            if let alignment {
                try fakeScore.align(with: generator.parameters, of: teacher.parameters, keeping: alignment)
            }
            try flow.train(network, on: batch, stepSize: learningRate, using: &stream)
            if step >= 1125 {
                mean += Double(generator.currentMean) / 375
                deviation += Double(generator.currentDeviation) / 375
            }
        }
        return (mean, deviation)
    }
}
