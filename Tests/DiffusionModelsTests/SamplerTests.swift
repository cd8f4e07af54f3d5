import Autograd
import Foundation
import Tensor
import TestFixtures
import Testing

@testable import DiffusionModels

/// The formula that the fixture's script samples from: tanh(x) / 2 + t / 2000.
struct FormulaNetwork: NoisePredictor {
    let parameters = ParameterSet()

    func predict(_ noisy: Variable, at timesteps: [Int], given condition: Tensor) -> Variable {
        let shift = Tensor(timesteps.map { Float($0) / 2000 }, shape: [timesteps.count, 1, 1, 1])
        return noisy.tanh() * 0.5 + Variable(shift)
    }
}

/// A network whose output is the mean of the condition, to tell guidance apart.
struct ConditionNetwork: NoisePredictor {
    let parameters = ParameterSet()

    func predict(_ noisy: Variable, at timesteps: [Int], given condition: Tensor) -> Variable {
        let levels = condition.mean(alongAxes: [1, 2]).reshaped(to: [condition.shape[0], 1, 1, 1])
        return Variable(levels.broadcast(to: noisy.shape))
    }
}

@Suite("Samplers")
struct SamplerTests {
    struct Case: Decodable {
        let sampler: String
        let steps: Int
        let eta: Double
        let seed: UInt64
        let timesteps: [Int]
        let configuration: JSONValue
    }

    struct Cases: Decodable {
        let cases: [Case]
    }

    @Test("Every step agrees with diffusers", arguments: 0..<10)
    func agreement(number: Int) throws {
        let data = try Data(contentsOf: Fixtures.url("schedulers/cases.json"))
        let sample = try JSONDecoder().decode(Cases.self, from: data).cases[number]
        let golden = try Fixtures.tensors("schedulers/schedulers.safetensors")
        guard case .object(var fields) = sample.configuration else { return #expect(Bool(false)) }
        fields["_class_name"] = .string(sample.sampler == "ddim" ? "DDIMScheduler" : "DDPMScheduler")
        let configuration = try NoiseSchedule.Configuration(ConfigurationFields(.object(fields), file: "cases.json"))
        let schedule = NoiseSchedule(configuration)

        let table = try #require(golden["\(number).cumulativeAlphas"]).scalars
        let worst = zip(schedule.cumulativeAlphas, table).map { abs($0 - Double($1)) / max(Double($1), 1e-4) }.max()
        // diffusers' table is a running Float32 product.
        #expect(try #require(worst) <= 2e-5)

        var noise = LatentNoise(seed: sample.seed, count: 1)
        let start = noise.next(height: 3, width: 5, channels: 4)
        #expect(relativeError(start.channelsFirst(), try #require(golden["\(number).start"])) <= 2e-6)
        let steps = self.steps(sample, schedule, start, noise)
        #expect(steps.map(\.timestep) == sample.timesteps)
        #expect(steps.map(\.index) == Array(0..<sample.steps))
        let latents = Tensor.concatenate(steps.map { $0.latents.channelsFirst() }, axis: 0)
        let originals = Tensor.concatenate(steps.map { $0.predictedOriginal.channelsFirst() }, axis: 0)
        // The Float32 table's own error, grown by 1/α (15 at the first step).
        #expect(relativeError(latents, try #require(golden["\(number).latents"])) <= 2e-5)
        #expect(relativeError(originals, try #require(golden["\(number).originals"])) <= 2e-5)
    }

    private func steps(
        _ sample: Case, _ schedule: NoiseSchedule, _ start: Tensor, _ noise: LatentNoise
    ) -> [DenoisingStep] {
        let condition = Tensor.zeros([1, 1, 1])
        if sample.sampler == "ddim" {
            let sampler = DDIMSampler(
                network: FormulaNetwork(), schedule: schedule, condition: condition, steps: sample.steps,
                latents: start, eta: sample.eta, noise: noise)
            return Array(sampler)
        }
        let sampler = DDPMSampler(
            network: FormulaNetwork(), schedule: schedule, condition: condition, steps: sample.steps, latents: start,
            noise: noise)
        return Array(sampler)
    }

    @Test("A pulled sampler stops when nobody pulls, and a copy goes on by itself")
    func pulling() throws {
        let schedule = NoiseSchedule.scaledLinear()
        let start = RandomStream(seed: 1).firstNormal([1, 4, 4, 4])
        var sampler = DDIMSampler(
            network: FormulaNetwork(), schedule: schedule, condition: .zeros([1, 1, 1]), steps: 6, latents: start)
        _ = sampler.next()
        var copy = sampler
        let (next, other) = (copy.next(), sampler.next())
        let ahead = try #require(next)
        let here = try #require(other)
        #expect(ahead.latents.scalars == here.latents.scalars)
        #expect(here.index == 1)
        #expect(Array(sampler).count == 4)
    }

    @Test("Guidance goes from the unconditional prediction through the conditional one")
    func guidance() {
        let conditional = Tensor(repeating: 3, shape: [2, 1, 1])
        let unconditional = Tensor(repeating: 1, shape: [1, 1, 1])
        let noisy = Tensor.zeros([2, 2, 2, 4])
        for (scale, expected) in [(0.0, 1.0), (1.0, 3.0), (4.5, 10.0)] {
            let guided = Guidance(scale: scale, unconditional: unconditional)
                .predict(with: ConditionNetwork(), noisy, at: [5, 9], given: conditional)
            #expect(guided.shape == noisy.shape)
            #expect(guided.scalars.allSatisfy { abs(Double($0) - expected) <= 1e-6 })
        }
    }

    @Test("A one-step student solves x_t = α x₀ + σ ε for x₀", arguments: PredictionType.allCases)
    func oneStep(type: PredictionType) {
        let schedule = NoiseSchedule.scaledLinear()
        let step = OneStepConfiguration(timestep: 999, of: schedule)
        let student = OneStepStudent(network: FormulaNetwork(), step: step, predictionType: type)
        let noise = RandomStream(seed: 5).firstNormal([2, 3, 3, 4])
        let condition = Tensor.zeros([2, 1, 1])
        let latents = student.generate(from: Variable(noise), given: condition).value
        let output = FormulaNetwork().predict(Variable(noise), at: [999, 999], given: condition).value
        let expected = schedule.convert(output, from: type, to: .sample, noisy: noise, timesteps: [999, 999])
        #expect(relativeError(latents, expected) <= 1e-6)
    }

    @Test("Each picture of a batch has the noise of its own seed")
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
