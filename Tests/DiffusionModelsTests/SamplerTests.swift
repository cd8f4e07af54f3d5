import Autograd
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

/// A network that computes the formula in the fixture's script: tanh(x) / 2 + t / 2000.
struct FormulaNetwork: DenoisingNetwork {
    let parameters = ParameterSet()

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let shift = Tensor(timesteps.map { Float($0 / 2000) }, shape: [timesteps.count, 1, 1, 1])
        return noisy.tanh() * 0.5 + Variable(shift)
    }
}

/// A network whose output is the mean of the condition, to test guidance.
struct ConditionNetwork: DenoisingNetwork {
    let parameters = ParameterSet()

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let levels = condition.tokens.value.mean(alongAxes: [1, 2]).reshaped(to: [condition.count, 1, 1, 1])
        return Variable(levels.broadcast(to: noisy.shape))
    }
}

@Suite("Samplers")
struct SamplerTests {
    struct Case: Decodable, CustomTestStringConvertible {
        let group: String
        let steps: Int
        let seed: UInt64
        let eta: Double?
        let strength: Double?
        let configuration: JSONValue

        var testDescription: String { "\(group), \(steps) steps, \(configuration)" }
    }

    private struct Cases: Decodable {
        let cases: [Case]
    }

    static let cases: [Case] = {
        guard let data = try? Data(contentsOf: Fixtures.url("schedulers/cases.json")),
            let cases = try? JSONDecoder().decode(Cases.self, from: data)
        else { preconditionFailure("schedulers/cases.json is missing or malformed") }
        return cases.cases
    }()

    private static let golden = Result { try Fixtures.tensors("schedulers/schedulers.safetensors") }

    /// Differences are relative to the largest value. A case must agree with diffusers in Float32, or in Float64 where Float32 loses
    /// precision, for example where x₀ is the difference of two large numbers.
    @Test("Every scheduler class and setting, and well-known models' files, match diffusers", arguments: cases.indices)
    func agreement(number: Int) throws {
        let sample = Self.cases[number]
        let configuration = try NoiseSchedule.Configuration(
            ConfigurationFields(sample.configuration, file: "cases.json"))
        let type = try #require(ShippedSamplers.type(ofClass: configuration.className))
        let sampler = try type.init(SchedulerSettings(configuration, for: type, eta: sample.eta))
        var noise = LatentNoise(seed: sample.seed, count: 1)
        let start = noise.next(height: 2, width: 2, channels: 4)
        let (network, condition) = (FormulaNetwork(), TextCondition(tokens: .zeros([1, 1, 1])))
        var steps =
            try sample.strength.map { strength in
                try DiffusionSampler(
                    sampler, network: network, predictionType: configuration.predictionType, condition: condition,
                    steps: sample.steps, original: start, strength: strength, noise: noise)
            }
            ?? DiffusionSampler(
                sampler, network: network, predictionType: configuration.predictionType, condition: condition,
                steps: sample.steps, latents: start, noise: noise)
        let found = try #require(try steps.last()).latents.channelsFirst()
        let differences = try ["latents", "exact"].map { name in
            let expected = try #require(Self.golden.get()[name]).sliced(axis: 0, number..<number + 1)
            return (found - expected).absolute().maximum() / expected.absolute().maximum()
        }
        #expect(try #require(differences.min()) <= 1e-5, "\(sample.testDescription)")
    }

    @Test("The cases cover every shipped sampler class")
    func coverage() throws {
        let names = Set(
            try Self.cases.map {
                try NoiseSchedule.Configuration(ConfigurationFields($0.configuration, file: "")).className
            })
        #expect(names == Set(ShippedSamplers.types.map { $0.className }))
        #expect(Set(Self.cases.map(\.group)).count >= 14)
    }

    @Test("Image-to-image starts from the noised image and runs only the last steps")
    func imageToImage() throws {
        var configuration = NoiseSchedule.scaledLinear().configuration
        configuration.timestepSpacing = .leading
        let schedule = try NoiseSchedule(configuration)
        var noise = LatentNoise(seed: 4, count: 1)
        let original = RandomStream(seed: 1).firstNormal([1, 4, 4, 4])
        var sampler = try DiffusionSampler(
            EulerSampler(schedule), network: FormulaNetwork(), predictionType: .epsilon,
            condition: TextCondition(tokens: .zeros([1, 1, 1])),
            steps: 10, original: original, strength: 0.35, noise: noise)
        let steps = try sampler.remainingSteps()
        #expect(steps.map(\.index) == [7, 8, 9])
        // The first x₀ shows from which latents it was predicted.
        let timestep = Int(steps[0].timestep)
        let noisy = schedule.noisy(original, noise: noise.next(height: 4, width: 4, channels: 4), timesteps: [timestep])
        let output = FormulaNetwork().predict(
            Variable(noisy), at: [steps[0].timestep], given: TextCondition(tokens: .zeros([1, 1, 1]))
        ).value
        let expected = schedule.convert(output, to: .sample, noisy: noisy, timesteps: [timestep])
        #expect(relativeError(steps[0].predictedOriginal, expected) <= 1e-5)
    }

    @Test("DiffusionSampler computes steps on demand, and a copy continues independently")
    func pulling() throws {
        let schedule = NoiseSchedule.scaledLinear()
        let start = RandomStream(seed: 1).firstNormal([1, 4, 4, 4])
        var sampler = try DiffusionSampler(
            DDIMSampler(schedule), network: FormulaNetwork(), predictionType: .epsilon,
            condition: TextCondition(tokens: .zeros([1, 1, 1])),
            steps: 6, latents: start)
        _ = try sampler.next()
        var copy = sampler
        let (next, other) = (try copy.next(), try sampler.next())
        let ahead = try #require(next)
        let here = try #require(other)
        #expect(ahead.latents.scalars == here.latents.scalars)
        #expect(here.index == 1)
        #expect(try sampler.remainingSteps().count == 4)
    }

    @Test("Guidance extrapolates from the unconditional through the conditional prediction")
    func guidance() throws {
        let conditional = TextCondition(tokens: Tensor(repeating: 3, shape: [2, 1, 1]))
        let unconditional = TextCondition(tokens: Tensor(repeating: 1, shape: [1, 1, 1]))
        let noisy = Tensor.zeros([2, 2, 2, 4])
        for (scale, expected) in [(0.0, 1.0), (1.0, 3.0), (4.5, 10.0)] {
            let guided = try Guidance(scale: scale, unconditional: unconditional)
                .predict(with: ConditionNetwork(), noisy, at: [5, 9], given: conditional)
            #expect(guided.shape == noisy.shape)
            #expect(guided.scalars.allSatisfy { abs(Double($0) - expected) <= 1e-6 })
        }
    }

    @Test("A one-step student solves x_t = α x₀ + σ ε for x₀", arguments: PredictionType.allCases)
    func oneStep(type: PredictionType) throws {
        let schedule = NoiseSchedule.scaledLinear()
        let step = try OneStepConfiguration(timestep: 999, of: schedule)
        let student = OneStepStudent(network: FormulaNetwork(), step: step, predictionType: type)
        let noise = RandomStream(seed: 5).firstNormal([2, 3, 3, 4])
        let condition = TextCondition(tokens: .zeros([2, 1, 1]))
        let latents = try student.generate(from: Variable(noise), given: condition).value
        let output = FormulaNetwork().predict(Variable(noise), at: [999, 999], given: condition).value
        let expected = schedule.convert(output, from: type, to: .sample, noisy: noise, timesteps: [999, 999])
        #expect(relativeError(latents, expected) <= 1e-6)
    }

    @Test("Each image of a batch has the noise of its own seed")
    func seeds() {
        var both = LatentNoise(seed: 7, count: 2)
        var second = LatentNoise(seed: 8, count: 1)
        for _ in 0..<2 {
            let pair = both.next(height: 4, width: 4, channels: 4)
            let alone = second.next(height: 4, width: 4, channels: 4)
            #expect(pair.sliced(axis: 0, 1..<2).scalars == alone.scalars)
        }
    }
}

extension RandomStream {
    /// The first numbers of the stream.
    func firstNormal(_ shape: [Int]) -> Tensor {
        var copy = self
        return copy.normal(shape)
    }
}
