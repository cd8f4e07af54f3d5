import Autograd
import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@Suite("Generation in tasks")
struct AsyncGenerationTests {
    private func emoji(_ name: String) throws -> TextToImageModel {
        try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-\(name)"))
    }

    @Test("Tasks that share a model generate the same images as one thread")
    func sharedModel() async throws {
        let student = try emoji("student")
        let expected = try { try (0..<4).map { try student.picture(for: "a red heart", seed: $0) } }()
        let found = try await withThrowingTaskGroup(of: (Int, Picture).self) { group in
            for seed in 0..<4 {
                group.addTask { (seed, try await student.picture(for: "a red heart", seed: UInt64(seed))) }
            }
            return try await group.reduce(into: [Int: Picture]()) { $0[$1.0] = $1.1 }
        }
        #expect(found.sorted { $0.key < $1.key }.map(\.value.pixels) == expected.map(\.pixels))
        let batch = try await student.pictures(for: ["a red heart", "a red heart"], seed: 2)
        #expect(batch.map(\.pixels) == expected[2...].map(\.pixels))
        let latents = try {
            try [
                student.latents(for: ["a dog"], seed: 1),
                student.latents(from: ("a dog", 0), to: ("a cat", 1), count: 3),
            ]
        }()
        #expect(try await student.latents(for: ["a dog"], seed: 1) == latents[0])
        #expect(try await student.latents(from: ("a dog", 0), to: ("a cat", 1), count: 3) == latents[1])
    }

    @Test("The steps of a sampling are an asynchronous sequence")
    func steps() async throws {
        let model = GatedNetwork().model(isStudent: false)
        let settings = SamplingSettings(steps: 5, guidanceScale: 1, sampler: try model.sampler(named: "ddim"))
        var latents: [[Float]] = []
        for try await step in try await model.samples(for: ["a"], settings, seed: 3) {
            latents.append(step.latents.scalars)
        }
        let expected = try {
            var sampling = try model.samples(for: ["a"], settings, seed: 3)
            var latents: [[Float]] = []
            while let step = try sampling.next() { latents.append(step.latents.scalars) }
            return latents
        }()
        #expect(latents == expected && latents.count == 5)
    }

    @Test("Generation leaves the threads of the cooperative pool free", .timeLimit(.minutes(1)))
    func cooperativePool() async throws {
        let gate = DispatchSemaphore(value: 0)
        let model = GatedNetwork(gate: gate).model()
        // More than the pool has threads: on the pool they would wait for a task that cannot run.
        let count = 2 * ProcessInfo.processInfo.activeProcessorCount + 2
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 0..<count {
                group.addTask { _ = try await model.picture(for: "a", seed: UInt64(seed)) }
            }
            group.addTask {
                for _ in 0..<count {
                    await Task.yield()
                    gate.signal()
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("A cancelled sampling stops within one network pass", .timeLimit(.minutes(1)))
    func cancelledSampling() async throws {
        let gate = DispatchSemaphore(value: 0)
        let network = GatedNetwork(gate: gate)
        let model = network.model(isStudent: false)
        let task = Task { try await model.picture(for: "a", steps: 20, guidanceScale: 1, seed: 0) }
        while network.batches.isEmpty { await Task.yield() }
        task.cancel()
        for _ in 0..<20 { gate.signal() }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(network.batches.count == 1)
    }

    @Test("Synchronous generation stops in a cancelled task, too")
    func cancelledTask() async {
        let network = GatedNetwork()
        let own = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try Self.generate(network.model())
        }
        await #expect(throws: CancellationError.self) { try await own.value }
    }

    @Test("A network's pass stops in the middle of a cancelled computation, and its result is never used")
    func cancelledPass() throws {
        let network = try emoji("student").network
        let latents = Variable(.zeros([4, 16, 16, 4]))
        let condition = TextCondition(tokens: Variable(.zeros([1, 20, 128])))
        let timesteps = Array(repeating: 999.0, count: 4)
        let expected = network.predict(latents, at: timesteps, given: condition).value.scalars
        let cancellation = ComputationCancellation()
        try ComputationCancellation.$current.withValue(cancellation) {
            let output = try network.checkedPrediction(latents, at: timesteps, given: condition)
            #expect(output.value.scalars == expected)
            cancellation.cancel()
            let stopped = network.predict(latents, at: timesteps, given: condition)
            #expect(stopped.value.scalars == Tensor.zeros([4, 16, 16, 4]).scalars)
            #expect(throws: CancellationError.self) {
                try network.checkedPrediction(latents, at: timesteps, given: condition)
            }
            #expect(throws: CancellationError.self) {
                try Guidance(scale: 2, unconditional: condition)
                    .predict(with: network, latents.value, at: timesteps, given: condition)
            }
        }
    }

    private static func generate(_ model: TextToImageModel) throws -> Picture { try model.picture(for: "a", seed: 0) }
}
