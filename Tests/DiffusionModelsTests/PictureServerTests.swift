import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

@Suite("PictureServer", .timeLimit(.minutes(1)))
struct PictureServerTests {
    /// Waits until `condition` holds, or the time limit has passed.
    private func wait(until condition: () async -> Bool) async {
        while !Task.isCancelled, !(await condition()) { await Task.yield() }
    }

    @Test("Requests that wait for the same settings are generated in one batch")
    func batches() async throws {
        let gate = DispatchSemaphore(value: 0)
        let network = GatedNetwork(gate: gate)
        let server = try PictureServer(network.model(), limits: ServerLimits(batchSize: 4))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await server.picture(for: "first", seed: 0) }
            await wait { network.batches.count == 1 }
            for seed in 1..<7 { group.addTask { _ = try await server.picture(for: "a", seed: UInt64(seed)) } }
            await wait { await server.waitingCount == 6 }
            for _ in 0..<3 { gate.signal() }
            try await group.waitForAll()
        }
        #expect(network.batches == [1, 4, 2])
    }

    @Test("A batch waits for those who were just answered to ask again, and starts as soon as they have")
    func gathering() async throws {
        let gate = DispatchSemaphore(value: 0)
        let network = GatedNetwork(gate: gate)
        let server = try PictureServer(network.model(), limits: ServerLimits(gatheringTime: .seconds(3_600)))
        try await withThrowingTaskGroup(of: Void.self) { group in
            let first = Task { try await server.picture(for: "first", seed: 0) }
            await wait { network.batches.count == 1 }
            for seed in 1..<4 { group.addTask { _ = try await server.picture(for: "a", seed: UInt64(seed)) } }
            await wait { await server.waitingCount == 3 }
            for _ in 0..<2 { gate.signal() }
            _ = try await first.value
            group.addTask { _ = try await server.picture(for: "again", seed: 0) }
            try await group.waitForAll()
        }
        #expect(network.batches == [1, 4])
    }

    @Test("Images are the same, bit for bit, as those generated alone, whatever they are batched with")
    func bits() async throws {
        for (name, sampling) in [("student", PictureSampling.oneStep), ("teacher", .steps(2, guidanceScale: 3))] {
            let folder = Fixtures.package.appending(path: "Examples/Models/emoji-\(name)")
            let model = try await TextToImageModel(contentsOf: folder)
            let server = try PictureServer(model, limits: ServerLimits(batchSize: 16))
            let prompts = ["a red heart", "a dog", "a slice of pizza"]
            let count = name == "student" ? 19 : 5
            let found = try await withThrowingTaskGroup(of: (Int, Picture).self) { group in
                for index in 0..<count {
                    group.addTask {
                        (index, try await server.picture(for: prompts[index % 3], seed: UInt64(100 * index), sampling))
                    }
                }
                return try await group.reduce(into: [Int: Picture]()) { $0[$1.0] = $1.1 }
            }
            for index in 0..<count {
                let (prompt, seed) = (prompts[index % 3], UInt64(100 * index))
                let alone =
                    switch sampling {
                    case .oneStep, .studentSteps: try await model.picture(for: prompt, seed: seed)
                    case .steps: try await model.picture(for: prompt, steps: 2, guidanceScale: 3, seed: seed)
                    }
                #expect(found[index]?.pixels == alone.pixels, "\(name) \(index)")
            }
        }
    }

    @Test("Requests with other settings are generated in batches of their own, the oldest first")
    func settings() async throws {
        let gate = DispatchSemaphore(value: 0)
        let network = GatedNetwork(gate: gate)
        let server = try PictureServer(network.model())
        let large = LatentSize(height: 4, width: 4)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await server.picture(for: "first", seed: 0) }
            await wait { network.batches.count == 1 }
            for (number, size) in [nil, large, nil, large, nil].enumerated() {
                group.addTask { _ = try await server.picture(for: "a", seed: 1, size: size) }
                await wait { await server.waitingCount == number + 1 }
            }
            for _ in 0..<3 { gate.signal() }
            try await group.waitForAll()
        }
        #expect(network.batches == [1, 3, 2])
    }

    @Test("Further requests than may wait are refused, and wrong settings before they wait")
    func refusals() async throws {
        let gate = DispatchSemaphore(value: 0)
        let network = GatedNetwork(gate: gate)
        let server = try PictureServer(network.model(), limits: ServerLimits(waitingRequests: 2))
        await #expect(throws: ModelError.self) {
            try await server.picture(for: "a", seed: 0, .steps(3, guidanceScale: 2))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await server.picture(for: "first", seed: 0) }
            await wait { network.batches.count == 1 }
            for seed in 1...2 { group.addTask { _ = try await server.picture(for: "a", seed: UInt64(seed)) } }
            await wait { await server.waitingCount == 2 }
            await #expect(throws: ServerBusyError.self) { try await server.picture(for: "a", seed: 3) }
            for _ in 0..<2 { gate.signal() }
            try await group.waitForAll()
        }
    }

    @Test("A cancelled request leaves the queue at once, and a cancelled batch stops")
    func cancellation() async throws {
        let gate = DispatchSemaphore(value: 0)
        let network = GatedNetwork(gate: gate)
        let server = try PictureServer(network.model(isStudent: false))
        let sampling = PictureSampling.steps(20, guidanceScale: 1)
        let first = Task { try await server.picture(for: "first", seed: 0, sampling) }
        await wait { network.batches.count == 1 }
        let waiting = Task { try await server.picture(for: "a", seed: 1, sampling) }
        await wait { await server.waitingCount == 1 }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(await server.waitingCount == 0)
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        let last = Task { try await server.picture(for: "a", seed: 1, .steps(1, guidanceScale: 1)) }
        for _ in 0..<40 { gate.signal() }
        _ = try await last.value
        // One pass of the first request, and the last request's.
        #expect(network.batches.count == 2)
    }

    @Test("An error is thrown only to the request that caused it")
    func errors() async throws {
        let gate = DispatchSemaphore(value: 0)
        let network = GatedNetwork(gate: gate)
        let server = try PictureServer(network.model())
        for _ in 0..<40 { gate.signal() }
        let outcomes = await withTaskGroup(of: (String, Bool).self) { group in
            for prompt in ["a", "refused", "b", "c"] {
                group.addTask { (prompt, (try? await server.picture(for: prompt, seed: 0)) != nil) }
            }
            return await group.reduce(into: [String: Bool]()) { $0[$1.0] = $1.1 }
        }
        #expect(outcomes == ["a": true, "refused": false, "b": true, "c": true])
    }

    @Test("After a while without requests the text encoder is given back, until the next request")
    func idleness() async throws {
        let gate = DispatchSemaphore(value: 0)
        let network = GatedNetwork(gate: gate)
        let limits = ServerLimits(gatheringTime: .zero, idleTime: .milliseconds(20))
        let server = try PictureServer(network.model(), limits: limits)
        for number in 0..<3 {
            let request = Task { try await server.picture(for: "a", seed: 0) }
            await wait { network.batches.count == number + 1 }
            // The last batch takes longer than the idle time since the one before it.
            if number == 2 { await wait { await !server.isWaitingForIdleness } }
            gate.signal()
            _ = try await request.value
            if number != 1 { await wait { await !server.holdsTextEncoder } }
        }
        #expect(network.batches == [1, 1, 1])
        #expect(await !server.holdsTextEncoder)
    }
}
